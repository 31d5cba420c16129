"""Rows of the national files with plain defaults, by field: a test names only what it is about."""

from pathlib import Path

from tests.imports.sources.loader import Row

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
HEADERS = Path(__file__).parents[2] / "data" / "headers"

ANNE = "899900000060"
BRUNO = "899900000078"
HOSPITAL = "990000010"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


ACTIVITY_SAMPLE = sample("PS_LibreAcces_Personne_activite_SYNTHETIC_56col.txt")
SKILLS_SAMPLE = sample("PS_LibreAcces_SavoirFaire_SYNTHETIC.txt")
MAILBOX_SAMPLE = sample("Extraction_Correspondance_MSSante_SYNTHETIC.txt")
FINESS_SAMPLE = sample("etalab-cs1100502-stock-20260512-sample.csv")


def an_activity(national_id: str = ANNE, **fields: str) -> Row:
    """A doctor at the hospital."""
    defaults = {
        "national_id": national_id,
        "title": "DR",
        "civility": "MME",
        "family": "EXEMPLE",
        "given": "Anne",
        "profession": "10",
        "category": "C",
        "mode": "S",
        "finess": HOSPITAL,
        "technical_id": f"F{HOSPITAL}",
        "name": "CH EXEMPLE",
        "street": "RUE DE L EXEMPLE",
        "line6": "25000 BESANCON",
        "postal_code": "25000",
        "sector": "SA01",
    }
    return defaults | fields


def a_practice(national_id: str = ANNE, **fields: str) -> Row:
    """A doctor at a practice of her own, which only the register numbers."""
    place = {
        "finess": "",
        "technical_id": "R99990000000001",
        "former_id": "499900000060001",
        "name": "CABINET",
        "mode": "L",
    }
    return an_activity(national_id, **(place | fields))


def a_skill(national_id: str = ANNE, **fields: str) -> Row:
    return {
        "national_id": national_id,
        "profession": "10",
        "category": "C",
        "skill_type": "S",
        "skill": "SM54",
    } | fields


def a_mailbox(address: str = "anne@exemple.mssante.fr", **fields: str) -> Row:
    """A personal mailbox of a doctor without structure."""
    defaults = {
        "type": "PER",
        "address": address,
        "national_id": ANNE,
        "family": "EXEMPLE",
        "given": "Anne",
        "profession": "10",
    }
    return defaults | fields


def an_organization_mailbox(address: str = "accueil@exemple.mssante.fr", **fields: str) -> Row:
    return {
        "type": "ORG",
        "address": address,
        "structure_type": "1",
        "structure": f"1{HOSPITAL}",
        "organization_name": "CH",
    } | fields


def a_site(finess: str = HOSPITAL, **fields: str) -> Row:
    defaults = {
        "finess": finess,
        "finess_legal": "990000028",
        "name": "CH EXEMPLE",
        "commune": "056",
        "department": "25",
        "line6": "25000 BESANCON",
        "type": "355",
        "opened": "1979-02-13",
    }
    return defaults | fields
