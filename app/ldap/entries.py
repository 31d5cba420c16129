"""A published mailbox as an LDAP entry. Pure: the same document always gives the same entry (INTERFACES §4).

The document is the one that every channel serves; what it does not show, no entry can show.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from app.ldap.tree import LONGEST_RDN, rdn
from app.ldap.values import clean, distinct, postal, with_unaccented
from app.mailboxes.use import FINGERPRINT, Standing, services_of, standings

# Attribute names to values, in the order in which they are written; never an empty list, never an empty value.
Entry: TypeAlias = dict[str, list[str]]
Document: TypeAlias = Mapping[str, Any]

OBJECT_CLASSES = ["inetOrgPerson", "mssanteBAL"]
PERSONAL_TYPES = {"PER", "CAB"}
# How entries are written: a tree that says another one is made right as a whole (app.ldap.sync). Raise the number
# whenever the same document gives another entry than before.
LAYOUT = f"2-{FINGERPRINT}"
SHORT_TITLES = {"Docteur": "Dr", "Professeur": "Pr"}
_SIREN_KEY = re.compile(r"2([0-9]{9})")
_FRANCE = "france"


class Unstorable(ValueError):
    """A mailbox that no LDAP entry can hold; the message names the address and the reason."""


def entry(document: Document) -> Entry:
    """The attributes of one mailbox, of any type. Raises Unstorable.

    Whatever is wrong with one document (a form that this version does not know, a fault of ours) is that mailbox's
    alone: it would fail each time it is tried, and all others must not wait behind it.
    """
    try:
        return _entry(document)
    except Unstorable:
        raise
    except Exception as fault:
        # The kind alone: a message may hold what the document says.
        raise Unstorable(f"{document['address']}: no entry can be made of it ({type(fault).__name__})") from fault


def _entry(document: Document) -> Entry:
    address = document["address"]
    if not address.isascii():
        raise Unstorable(f"{address}: a letter outside ASCII cannot be stored as mail (IA5String)")
    if len(rdn(address)) > LONGEST_RDN:
        raise Unstorable(f"{address}: longer than the {LONGEST_RDN} bytes that slapd allows for mail=<address>")
    names = _person(document) if document["type"] in PERSONAL_TYPES else _structure(document)
    attributes: Entry = {
        "objectClass": OBJECT_CLASSES,
        "mail": [address],
        "TypeBAL": [document["type"]],
        **names,
        **_organizations(document),
        "ou": [clean(document["service"])],
        "description": [clean(document["description"])],
        **_place(document["place"]),
        "annuaireUse": [_use(standing) for standing in standings(document)],
        "annuaireService": sorted(services_of(document)),
        "annuaireSequence": [str(document["sequence"])],
    }
    kept = {name: [value for value in values if value] for name, values in attributes.items()}
    return {name: values for name, values in kept.items() if values}


def _person(document: Document) -> Entry:
    """PER and CAB: the principal holder's name and profession, every holder's identification."""
    holder = document["practitioner"] or {}
    family, given = clean(holder.get("family")), clean(holder.get("given"))
    profession = holder.get("profession") or {}
    names: Entry
    if family:
        names = {
            # The second order is what people type.
            "cn": with_unaccented(f"{family} {given}".strip(), f"{given} {family}".strip()),
            "sn": with_unaccented(family),
            "givenName": with_unaccented(given),
            "displayName": [_shown(document["type"], holder.get("title"), family, given)],
        }
    else:
        structure = _name(document["organization"])
        names = _named(clean(document["description"]) or structure or _local_part(document))
    identities = [_identity(person) for person in _holders(document, "practitioner")]
    return {
        **names,
        "title": [clean(profession.get("label"))],
        "profession": [clean(profession.get("code"))],
        "IdentifiantPP": distinct(number for number, _ in identities),
        "TypeIdentifiantPP": distinct(kind for _, kind in identities),
    }


def _structure(document: Document) -> Entry:
    """ORG and APP: named by structure and service; never an attribute of a person."""
    structure, service = _name(document["organization"]), clean(document["service"])
    return _named(f"{structure} {service}".strip() or clean(document["description"]) or _local_part(document))


def _named(name: str) -> Entry:
    return {"cn": with_unaccented(name), "sn": with_unaccented(name), "displayName": [name]}


def _shown(mailbox_type: str, title: str | None, family: str, given: str) -> str:
    """What a client shows in a list: `Dr Anne-Élise EXEMPLE`, `Cabinet SPECIMEN`."""
    if mailbox_type == "CAB":
        return f"Cabinet {family}"
    label = clean(title)
    return " ".join(part for part in (SHORT_TITLES.get(label, label), given, family) if part)


def _organizations(document: Document) -> Entry:
    """The structures of all attachments: the first value is the principal's."""
    structures = list(_holders(document, "organization"))
    numbers = [_structure_number(structure) for structure in structures]
    return {
        "IdentifiantPM": distinct(number for number, _ in numbers),
        "TypeIdentifiantPM": distinct(kind for _, kind in numbers),
        "o": distinct(map(_name, structures)),
    }


def _use(standing: Standing) -> str:
    """`care 1999911 person`: for which use, how good (the lowest is best), by which rule (docs/resolving.md).

    `care/its_service`: where its service is asked for; `care/no_service`: where none is.
    """
    when = standing.rule.when
    asked = f"/{when}" if when in {"its_service", "no_service"} else ""
    return f"{standing.use}{asked} {standing.score} {standing.rule.id}"


def _holders(document: Document, kind: str) -> Iterable[Document]:
    """The principal practitioner or organization, then those of further attachments."""
    principal = document[kind]
    if principal:
        yield principal
    for attachment in document["attachments"]:
        if attachment[kind]:
            yield attachment[kind]


def _identity(person: Document) -> tuple[str, str]:
    """Number and kind (TRE_G08) of a person; the national identification is the kind's digit and the number."""
    if person["rpps"]:
        return person["rpps"], "8"
    national_id = clean(person["national_id"])
    return national_id[1:], national_id[:1]


def _structure_number(structure: Document) -> tuple[str, str]:
    """Number and kind of a structure; ("", "") for one that has neither FINESS nor SIRET nor SIREN."""
    siren = _SIREN_KEY.fullmatch(structure["id"] or "")
    if structure["finess"]:
        return structure["finess"], "FINESS"
    if structure["siret"]:
        return structure["siret"], "SIRET"
    return (siren[1], "SIREN") if siren else ("", "")


def _name(structure: Document | None) -> str:
    return clean((structure or {}).get("name")) or clean((structure or {}).get("trade_name"))


def _local_part(document: Document) -> str:
    address: str = document["address"]
    return address.partition("@")[0]


def _place(place: Document | None) -> Entry:
    if place is None:
        return {}
    lines = [line for line in map(clean, place["lines"]) if line]
    postal_code, city, country = clean(place["postal_code"]), clean(place["city"]), clean(place["country"])
    abroad = country if country.lower() != _FRANCE else ""
    return {
        "l": [city],
        "postalCode": [postal_code],
        "st": [clean(place["department"])],
        "street": [clean(", ".join(lines))],
        "postalAddress": [postal([*lines, f"{postal_code} {city}".strip(), abroad])],
    }
