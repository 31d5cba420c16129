"""The national code systems (TRE, JDV) that we ship as data, and the value sets of our fields.

The tables are copies of the ANS's nomenclatures (`data/SOURCES.md` names the origin of each); an import of newer
tables replaces them.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"

SKILL_SYSTEMS = (
    "TRE_R38-SpecialiteOrdinale",
    "TRE_R39-Competence",
    "TRE_R40-CompetenceExclusive",
    "TRE_R41-OrientationParticuliere",
    "TRE_R42-DESCnonQualifiant",
    "TRE_R43-Capacite",
    "TRE_R44-QualificationPAC",
    "TRE_R45-FonctionQualifiee",
    "TRE_R359-SurspecialiteFST",
    "TRE_R97-DroitExerciceCompl",
)

# Field of ours → systems that give its codes, the first that knows a code gives its label (files.md §3).
BINDINGS: dict[str, tuple[str, ...]] = {
    "profession": (
        "TRE_G15-ProfessionSante",
        "TRE_G16-ProfessionFormation",
        "TRE_R95-UsagerTitre",
        "TRE_R291-AutreActeur",
    ),
    "category": ("TRE_R09-CategorieProfessionnelle",),
    "title": ("TRE_R11-CiviliteExercice",),
    "civility": ("TRE_R81-Civilite",),
    "skill_type": ("TRE_R04-TypeSavoirFaire",),
    "skill": SKILL_SYSTEMS,
    "mode": ("TRE_R23-ModeExercice",),
    "sector": ("TRE_R02-SecteurActivite",),
    "pharmacist_section": ("TRE_R06-SectionTableauCNOP",),
    "role": ("TRE_R21-Fonction", "TRE_R85-RolePriseCharge", "TRE_R96-AutreFonctionSanitaire"),
    "activity_kind": ("TRE_R22-GenreActivite",),
    "mailbox_type": ("TRE_R257-TypeBAL",),
}

OIDS = {
    "TRE_R97-DroitExerciceCompl": "1.2.250.1.213.1.6.1.111",
    "TRE_R257-TypeBAL": "1.2.250.1.213.3.3.55",
    "TRE_R38-SpecialiteOrdinale": "1.2.250.1.213.2.28",
    "TRE_R39-Competence": "1.2.250.1.213.2.29",
    "TRE_R40-CompetenceExclusive": "1.2.250.1.213.2.30",
    "TRE_R41-OrientationParticuliere": "1.2.250.1.213.2.31",
    "TRE_R42-DESCnonQualifiant": "1.2.250.1.213.2.32",
    "TRE_R43-Capacite": "1.2.250.1.213.2.33",
    "TRE_R44-QualificationPAC": "1.2.250.1.213.2.34",
    "TRE_R45-FonctionQualifiee": "1.2.250.1.213.2.35",
    "TRE_R359-SurspecialiteFST": "1.2.250.1.213.2.76",
}


class CodeRow(NamedTuple):
    """One code of one system, with its official label."""

    system: str
    code: str
    label: str


def systems() -> list[str]:
    """Names of the code systems that our fields use, each once, in a fixed order."""
    return sorted({system for bound in BINDINGS.values() for system in bound})


def codes(system: str) -> Iterator[CodeRow]:
    """The codes of one shipped system."""
    with (DATA / f"{system}.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield CodeRow(system, row["code"], row["label"])
