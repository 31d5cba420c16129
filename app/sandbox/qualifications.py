"""Diplomas and authorisations of practice: the rows of PS_LibreAcces_Dipl_AutExerc.

The national tables of diplomas, authorisations and disciplines are not known to us, so their codes are placeholders.
"""

from collections.abc import Iterator
from random import Random

from app.sandbox.chance import happens, pick
from app.sandbox.files import data_table
from app.sandbox.persons import Person

NOTHING = "|||"
_TYPES = {row["code"]: row["label"] for row in data_table("TRE_R14-TypeDiplome.tsv", "app.terminology")}
_STATE = "DE"
_OTHERS = tuple(code for code in _TYPES if code != _STATE)
# 2.2 million rows for 1.91 million persons.
_NONE, _SEVERAL, _AUTHORISED = 0.05, 0.2, 0.02


def qualification_rows(rng: Random, person: Person) -> Iterator[str]:
    """Lines of one person: a diploma of the profession, others now and then, rarely an authorisation."""
    if happens(rng, _NONE):
        return
    head = f"{person.identity}|{person.family}|{person.given}|"
    first = f"{_STATE}|{_TYPES[_STATE]}|DE{person.code}|Diplôme d'Etat fictif {person.code}"
    authorisation = f"AUT{1 + int(rng.random() * 3)}|Autorisation fictive||" if happens(rng, _AUTHORISED) else NOTHING
    yield f"{head}{first}|{authorisation}"
    if happens(rng, _SEVERAL):
        kind = pick(rng, _OTHERS)
        number = 1 + int(rng.random() * 40)
        yield f"{head}{kind}|{_TYPES[kind]}|{kind}{number:02d}|Diplôme fictif {number}|{NOTHING}"
