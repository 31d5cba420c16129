"""Builders of published documents, with plain defaults."""

from typing import Any

ADDRESS = "anne-elise.exemple@medecin-exemple.mssante.fr"


def a_person(**changes: Any) -> dict[str, Any]:
    return {
        "family": "EXEMPLE",
        "given": "Anne-Élise",
        "national_id": "899900000060",
        "profession": {"code": "10", "label": "Médecin"},
        "rpps": "99900000060",
        "specialties": [],
        "title": "Docteur",
        **changes,
    }


def a_structure(**changes: Any) -> dict[str, Any]:
    return {
        "finess": "990000010",
        "id": "1990000010",
        "name": "CENTRE HOSPITALIER D'EXEMPLE",
        "siret": None,
        "trade_name": None,
        **changes,
    }


def a_place(**changes: Any) -> dict[str, Any]:
    return {
        "city": "EXEMPLEVILLE",
        "country": "France",
        "department": "99",
        "lines": ["1 rue des Essais"],
        "postal_code": "99010",
        **changes,
    }


def a_mailbox(**changes: Any) -> dict[str, Any]:
    """A PER mailbox without structure or place; its only attachment follows `practitioner` and `organization`."""
    document: dict[str, Any] = {
        "address": ADDRESS,
        "dematerialization": None,
        "description": None,
        "domain": "medecin-exemple.mssante.fr",
        "operator": None,
        "organization": None,
        "place": None,
        "practitioner": a_person(),
        "rank": None,
        "service": None,
        "type": "PER",
        "sequence": 1,
        **changes,
    }
    alone = {"organization": document["organization"], "practitioner": document["practitioner"]}
    return {"attachments": [alone], **document}
