"""Persons and structures as an answer names them: enough to choose between them, and no more."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from app.search.resolve_schemas import Candidate


def practitioner_party(document: str | Mapping[str, Any]) -> Candidate:
    """A published professional."""
    person = json.loads(document) if isinstance(document, str) else document
    places = [role["place"] for role in person["roles"]]
    return _person(person, places)


def organization_party(structure: Mapping[str, Any]) -> Candidate:
    """A published structure."""
    return Candidate(
        kind="organization",
        id=structure["id"],
        name=structure["name"] or structure["trade_name"],
        profession=None,
        places=_places([structure.get("place")]),
    )


def bare_party(key: str) -> Candidate:
    """A structure that mailboxes name and that is not published itself."""
    return Candidate(kind="organization", id=key, name=None, profession=None, places=[])


def mailbox_parties(mailbox: Mapping[str, Any], kind: str) -> list[Candidate]:
    """The holders of a mailbox of one kind, each once."""
    found: dict[str, Candidate] = {}
    for attachment in (mailbox, *mailbox["attachments"]):
        holder = attachment[kind]
        if kind == "practitioner" and holder and holder["national_id"]:
            found.setdefault(holder["national_id"], _person(holder, []))
        elif kind == "organization" and holder and holder["id"]:
            found.setdefault(holder["id"], organization_party(holder))
    return list(found.values())


def _person(person: Mapping[str, Any], places: Iterable[Mapping[str, Any] | None]) -> Candidate:
    profession = person["profession"] or {}
    return Candidate(
        kind="practitioner",
        id=person["national_id"],
        name=" ".join(part for part in (person["family"], person["given"]) if part) or None,
        profession=profession.get("label"),
        places=_places(places),
    )


def _places(places: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Towns, each once."""
    texts = (" ".join(filter(None, (place["postal_code"], place["city"]))) for place in places if place)
    return list(dict.fromkeys(filter(None, texts)))
