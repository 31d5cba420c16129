"""A mail program that asks LDAP alone and chooses as docs/resolving.md tells it, knowing nothing of our rules."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import ldap3

BASE = "ou=bal,dc=mssante,dc=fr"
ROOT = Path(__file__).parents[2]
# The tables of docs/resolving.md, which a test keeps equal to this file.
TABLES = tomllib.loads((ROOT / "app" / "mailboxes" / "use.toml").read_text("utf-8"))
USES = {code: each["use"] for each in TABLES["document"] for code in (each["code"], *each["loinc"])}
SAYS_NOTHING = {*TABLES["services"]["general"], *TABLES["services"]["small"]}
STRUCTURAL = "(|(TypeBAL=ORG)(TypeBAL=APP))"

Entry = dict[str, list[str]]


class MailClient:
    """One anonymous connection."""

    def __init__(self, uri: str) -> None:
        server = ldap3.Server(uri, get_info=ldap3.NONE)
        self._connection: Any = ldap3.Connection(server, auto_bind=True, check_names=False)

    def close(self) -> None:
        self._connection.unbind()

    def of_person(self, rpps: str) -> list[Entry]:
        return self._search(f"(IdentifiantPP={rpps})")

    def of_structures(self, numbers: Iterable[str]) -> list[Entry]:
        return [entry for number in numbers for entry in self._search(f"(&(IdentifiantPM={number}){STRUCTURAL})")]

    def _search(self, query: str) -> list[Entry]:
        self._connection.search(BASE, query, ldap3.LEVEL, attributes=["*"])
        return [
            {name: [value.decode() for value in values] for name, values in found["raw_attributes"].items()}
            for found in self._connection.response
        ]


def first(
    entries: list[Entry], document: str, service: str | None, at: str | None, person: str | None
) -> tuple[str, str] | Literal["ask"] | None:
    """(address, rule) of the first choice; "ask" where somebody has to be asked which; None: nothing fits."""
    wanted, use = asked_words(service), USES[document]
    kept = {entry["mail"][0]: found for entry in entries if (found := _taken(entry, use, wanted))}
    if not kept:
        serves = any(
            value.startswith(f"{use}/its_service ") for entry in entries for value in entry.get("annuaireUse", [])
        )
        return "ask" if serves and not wanted else None
    by_address = {entry["mail"][0]: entry for entry in entries}
    place = min(score[0] for score, _ in kept.values())
    names = [address for address, (score, _) in kept.items() if score[0] == place]
    names = [name for name in names if at in by_address[name].get("IdentifiantPM", [])] or names
    if wanted:
        theirs = [name for name in names if wanted <= set(by_address[name].get("annuaireService", []))]
        fewest = min((len(by_address[name]["annuaireService"]) for name in theirs), default=0)
        names = [name for name in theirs if len(by_address[name]["annuaireService"]) == fewest] or names
    chosen = min(names, key=lambda name: (kept[name][0], name))
    if person is not None and at is None and person not in by_address[chosen].get("IdentifiantPP", []):
        others = [by_address[name] for name in kept if person not in by_address[name].get("IdentifiantPP", [])]
        if not set.intersection(*(set(entry["IdentifiantPM"]) for entry in others)):
            return "ask"
    return chosen, kept[chosen][1]


def asked_words(text: str | None) -> set[str]:
    plain = unicodedata.normalize("NFKD", (text or "").lower().replace("œ", "oe").replace("æ", "ae"))
    words = re.findall(r"[a-z0-9]+", "".join(char for char in plain if not unicodedata.combining(char)))
    kept = {word for word in words if word not in SAYS_NOTHING}
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in kept} - SAYS_NOTHING


def _taken(entry: Entry, use: str, wanted: set[str]) -> tuple[str, str] | None:
    """The score and the rule of the value that applies."""
    is_theirs = bool(wanted) and wanted <= set(entry.get("annuaireService", []))
    applying = {use} | ({f"{use}/its_service"} if is_theirs else set()) | (set() if wanted else {f"{use}/no_service"})
    found = [(score, rule) for name, score, rule in map(str.split, entry.get("annuaireUse", [])) if name in applying]
    return min(found, default=None)
