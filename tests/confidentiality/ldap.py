"""What anybody asks of the tree with `ldapsearch`, as mail programs put it; its words without clocks and random ids."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

from app.embedded import Slapd
from app.ldap.tree import Tree, escape
from tests.confidentiality.world import CANARIES, FAMILIES, GIVEN, OPERATORS, PERSONS, STRUCTURES, finess, rpps
from tests.ldap.test_clients import DOVECOT, LBDB, OUTLOOK_BOOK, OUTLOOK_TO, THUNDERBIRD_BOOK, THUNDERBIRD_TO

SUFFIX = "dc=mssante,dc=fr"
OWN_WORDS = "(|(description=*canari*)(ou=*canari*)(o=*secret*))"
CLIENTS = (DOVECOT, LBDB, THUNDERBIRD_TO, THUNDERBIRD_BOOK, OUTLOOK_BOOK, OUTLOOK_TO)
OTHERS = ("(&(sn={0}*)(givenName=*))", "(IdentifiantPP={0})", "(IdentifiantPM={0})", "(!(mail={0}))", "(mail=*{0})")
# An entry is given another id each time it is written, and the instant of that.
VARYING = re.compile(r"(?m)^(entryUUID|entryCSN|contextCSN|createTimestamp|modifyTimestamp): .*$")


def filters(count: int, seed: int) -> list[str]:
    """Filters of mail programs, about everybody and about the canaries, always the same for a seed."""
    rng = Random(seed)  # noqa: S311 - no secret
    words = [word for canary in CANARIES.values() for word in (canary.address, *canary.address.split("@"))]
    words += [*FAMILIES, *GIVEN, "can", "cana", "canari", "CANARIS Anne-Élise", "personne@hopital.mssante.fr"]
    words += [domain for those in OPERATORS.values() for domain in those]
    words += [rpps(rng.randrange(PERSONS)) for _ in range(20)] + [rpps(0), rpps(1)]
    words += [finess(number) for number in range(STRUCTURES)]
    drawn = (rng.choice(CLIENTS + OTHERS).format(escape(rng.choice(words))) for _ in range(count))
    return [OWN_WORDS, "(objectClass=*)", "(mail=*)", *drawn]


def answers(slapd: Slapd, asked: Sequence[str], folder: Path) -> str:
    """All that ldapsearch prints: entries, results, counts and errors; whole entries, operational attributes too."""
    file = folder / "filters"
    # ldapsearch takes its pattern for a filter only when it has parentheses of its own.
    file.write_text("".join(f"{each[1:-1]}\n" for each in asked), encoding="utf-8")
    searched = _printed(slapd, "-c", "-b", SUFFIX, "-f", str(file), "(%s)", "*", "+")
    tree = Tree(SUFFIX)
    bases = [tree.dn(canary.address) for canary in CANARIES.values()] + [tree.dn("personne@hopital.mssante.fr")]
    read = "".join(_printed(slapd, "-s", "base", "-b", base, "(objectClass=*)") for base in [SUFFIX, *bases])
    return VARYING.sub(r"\1: -", searched + read)


def _printed(slapd: Slapd, *arguments: str) -> str:
    done = subprocess.run(
        ["ldapsearch", "-x", "-o", "ldif-wrap=no", "-H", slapd.uri, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return f"{done.stdout}{done.stderr}exit {done.returncode}\n"
