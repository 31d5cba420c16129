"""Professions: shares, ready-made columns, and how their people work. One row of `professions.tsv` each."""

from dataclasses import dataclass
from random import Random

from app.sandbox.chance import happens, pick, spread
from app.sandbox.files import data_table

_TERMINOLOGY = "app.terminology"
STUDENT_SHARES = {"10": 0.11, "21": 0.12, "40": 0.08, "50": 0.08}
AGENT_SHARES = {"10": 0.006, "60": 0.04}
_OTHER_AGENT_SHARE = 0.01
# Doctors of the file who are retired or without post; students count apart.
IDLE_SHARES = {"10": 0.33}
_OTHER_IDLE_SHARE, _IDLE_STUDENT_SHARE = 0.08, 0.5
_ROLE_ONLY = "99"
_CARE_ROLES = ("313", "331", "332", "372", "326", "314", "317", "328", "300", "360")


@dataclass(frozen=True, slots=True)
class Profession:
    """One profession: columns 10-13 by category, probabilities between 0 and 1, kinds of site its employees work at."""

    code: str
    columns: dict[str, str]
    female: float
    mailbox: float
    own_domain: float
    liberal: float
    sites: str
    authority: str
    titled: float

    def draw_category(self, rng: Random) -> str:
        if happens(rng, STUDENT_SHARES.get(self.code, 0)):
            return "E"
        return "M" if happens(rng, AGENT_SHARES.get(self.code, _OTHER_AGENT_SHARE)) else "C"

    def is_idle(self, rng: Random, category: str) -> bool:
        """Whether this person has no structure."""
        if category == "E":
            return happens(rng, _IDLE_STUDENT_SHARE)
        return happens(rng, IDLE_SHARES.get(self.code, _OTHER_IDLE_SHARE))


def _labels(*tables: str) -> dict[str, str]:
    return {row["code"]: row["label"] for table in tables for row in data_table(f"{table}.tsv", _TERMINOLOGY)}


def _professions() -> list[tuple[Profession, float]]:
    labels = _labels("TRE_R95-UsagerTitre", "TRE_R291-AutreActeur", "TRE_G15-ProfessionSante")
    students = _labels("TRE_G16-ProfessionFormation")
    categories = _labels("TRE_R09-CategorieProfessionnelle")
    professions = []
    for row in data_table("professions.tsv"):
        code = row["code"]
        columns = {kind: f"{code}|{labels[code]}|{kind}|{categories[kind]}" for kind in ("C", "M")}
        if code in students:
            columns["E"] = f"{code}|{students[code]}|E|{categories['E']}"
        female, mailbox, own, liberal, titled = (
            float(row[name]) for name in ("female", "mailbox", "own_domain", "liberal", "titled")
        )
        profession = Profession(code, columns, female, mailbox, own, liberal, row["sites"], row["authority"], titled)
        professions.append((profession, float(row["weight"])))
    return professions


_WEIGHTED = _professions()
PROFESSIONS = {profession.code: profession for profession, _ in _WEIGHTED}
PROFESSION_TABLE = spread(_WEIGHTED, slots=20_000)

_SECTIONS = _labels("TRE_R06-SectionTableauCNOP")
_FUNCTIONS = _labels("TRE_R21-Fonction", "TRE_R85-RolePriseCharge")
_SECTION_BY_SITE = {"P": "D", "L": "G", "H": "H"}
NO_CODE = "|"


def section_columns(profession: str, kind: str, *, liberal: bool) -> str:
    """Columns 51-52: the section of the order a pharmacist belongs to; empty for everyone else."""
    if profession != "21":
        return NO_CODE
    section = "A" if liberal else _SECTION_BY_SITE.get(kind, "H")
    return f"{section}|{_SECTIONS[section]}"


def role_columns(rng: Random, profession: str, *, liberal: bool) -> str:
    """Columns 53-54: always given for people known by their role only, rarely for the others."""
    if profession == _ROLE_ONLY:
        role = pick(rng, _CARE_ROLES)
    elif happens(rng, 0.25):
        role = "FON-01" if liberal else "FON-33"
    else:
        return NO_CODE
    return f"{role}|{_FUNCTIONS[role]}"


def kind_columns(rng: Random) -> str:
    """Columns 55-56: the kind of activity. The national label of GENR01 is not known to the letter."""
    return "GENR01|Activité de soins" if happens(rng, 0.6) else NO_CODE
