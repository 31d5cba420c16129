"""What a row of CSV holds: one line for each resource, in columns that stay. New ones come behind the others.

A document holds lists where a row has one cell: of roles and attachments the row shows the first, which is the
principal one, and how many there are; of skills and addresses it shows all, separated by ` | `.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]

SEPARATOR = " | "
NOTHING: Document = {}
PLACE = ("lines", "postal_code", "city", "department", "country")
RESOURCE = ("published_at", "updated_at", "sequence")


class Columns(NamedTuple):
    """The columns of a kind of resource, and what they hold of one document."""

    names: tuple[str, ...]
    of: Callable[[Document], tuple[object, ...]]


def joined(values: Iterable[str | None]) -> str:
    return SEPARATOR.join(value for value in values if value is not None)


def _mailbox(document: Document) -> tuple[object, ...]:
    return (
        *(document[name] for name in MAILBOX_OWN),
        *_person(document["practitioner"] or NOTHING),
        *_structure(document["organization"] or NOTHING),
        *_place(document["place"]),
        len(document["attachments"]),
        *_resource(document),
    )


def _practitioner(document: Document) -> tuple[object, ...]:
    mailboxes, roles = document["mailboxes"], document["roles"]
    preferred, role = (mailboxes or [NOTHING])[0], (roles or [NOTHING])[0]
    return (
        *_person(document),
        *_coded(document["civility"]),
        *(preferred.get(name) for name in ("address", "type", "service")),
        joined(mailbox["address"] for mailbox in mailboxes),
        *_structure(role.get("organization") or NOTHING),
        *_place(role.get("place")),
        len(roles),
        *_resource(document),
    )


def _organization(document: Document) -> tuple[object, ...]:
    return (
        *(document[name] for name in ORGANIZATION_OWN),
        *_coded(document["type"]),
        *_coded(document["sector"]),
        joined(document["national_ids"]),
        joined(document["technical_ids"]),
        *_place(document["place"]),
        *_resource(document),
    )


def _person(person: Document) -> tuple[object, ...]:
    skills = person.get("specialties", ())
    return (
        *(person.get(name) for name in ("national_id", "rpps", "family", "given", "title")),
        *_coded(person.get("profession")),
        joined(skill["code"] for skill in skills),
        joined(skill["label"] for skill in skills),
    )


def _structure(structure: Document) -> tuple[object, ...]:
    return tuple(structure.get(name) for name in ("id", "finess", "siret", "name", "trade_name"))


def _coded(coded: Document | None) -> tuple[object, ...]:
    return (coded["code"], coded["label"]) if coded else (None, None)


def _place(place: Document | None) -> tuple[object, ...]:
    return (joined(place["lines"]), *(place[name] for name in PLACE[1:])) if place else (None,) * len(PLACE)


def _resource(document: Document) -> tuple[object, ...]:
    return tuple(document[name] for name in RESOURCE)


PERSON = (
    *("national_id", "rpps", "family", "given", "title"),
    *("profession_code", "profession_label", "specialty_codes", "specialty_labels"),
)
STRUCTURE = (
    *("organization_id", "organization_finess", "organization_siret"),
    *("organization_name", "organization_trade_name"),
)
MAILBOX_OWN = ("address", "type", "domain", "operator", "service", "description", "rank", "dematerialization")
ORGANIZATION_OWN = ("id", "kind", "finess", "siret", "siren", "name", "long_name", "trade_name", "parent")

COLUMNS: Mapping[str, Columns] = {
    "mailbox": Columns((*MAILBOX_OWN, *PERSON, *STRUCTURE, *PLACE, "attachments", *RESOURCE), _mailbox),
    "practitioner": Columns(
        (
            *(*PERSON, "civility_code", "civility_label", "mailbox", "mailbox_type", "mailbox_service", "mailboxes"),
            *(*STRUCTURE, *PLACE, "roles", *RESOURCE),
        ),
        _practitioner,
    ),
    "organization": Columns(
        (
            *(*ORGANIZATION_OWN, "type_code", "type_label", "sector_code", "sector_label"),
            *("national_ids", "technical_ids", *PLACE, *RESOURCE),
        ),
        _organization,
    ),
}
