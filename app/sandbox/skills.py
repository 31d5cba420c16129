"""Savoir-faire: ready-made columns (type, code and their labels) and who has which."""

import re
from random import Random

from app.sandbox.chance import happens, pick, spread
from app.sandbox.files import data_table

NO_SKILL = "|||"
_TYPES = {"R38": "S", "R39": "C", "R40": "CEX", "R41": "OP", "R42": "DNQ", "R43": "CAPA", "R44": "PAC", "R45": "FQ",
          "R97": "DEC", "R359": "SST"}  # fmt: skip
# The value set appends the type in brackets, the national files print the label without it.
_BRACKETS = re.compile(r" \([A-Z]+\)$")


def _columns() -> dict[str, str]:
    labels = {row["code"]: row["label"] for row in data_table("TRE_R04-TypeSavoirFaire.tsv", "app.terminology")}
    skills = {}
    for row in data_table("savoir_faire_all.tsv", "app.terminology"):
        kind = _TYPES[row["table"].split("-")[0].removeprefix("TRE_")]
        skills[row["code"]] = f"{kind}|{labels[kind]}|{row['code']}|{_BRACKETS.sub('', row['label'])}"
    return skills


SKILLS = _columns()


def _starting(*prefixes: str) -> list[str]:
    return [columns for code, columns in SKILLS.items() if code.startswith(prefixes)]


_SPECIALTIES = _starting("SM")
_SECOND = {"10": _starting("SM", "C", "DSM", "SST", "DEC"), "40": _starting("SCD")}
_FIRST = {
    "10": spread([(SKILLS["SM54"], 0.22), (SKILLS["SM53"], 0.18), *((skill, 0.0065) for skill in _SPECIALTIES)]),
    "21": _starting("FQ"),
    "40": _starting("SCD"),
    "60": _starting("SI"),
}
_SHARES = {"10": 0.98, "21": 0.15, "40": 0.05, "60": 0.01}


def draw_skills(rng: Random, profession: str, *, several: bool) -> tuple[str, ...]:
    """The savoir-faire of one practice, most often none outside medicine; `several` asks for two where that occurs."""
    if not happens(rng, _SHARES.get(profession, 0)):
        return ()
    first = pick(rng, _FIRST[profession])
    if several and profession in _SECOND:
        second = pick(rng, _SECOND[profession])
        return (first, second) if second != first else (first,)
    return (first,)
