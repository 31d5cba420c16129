"""A small directory with three canaries: mailboxes that an operator hides from the first day on.

A canary is like its neighbours in everything that could give it away: its holder bears a name that others bear too, its
domain and its structure hold public mailboxes, and hidden ones of others stand beside it in every copy of the world.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from tests.builders import a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]

OWNER, CO_OWNER, STRANGER, CANDIDATE = "1990000010", "1990000028", "1990000036", "300000001800010"
OWN, SHARED, SECOND, FOREIGN = "hopital.mssante.fr", "partage.mssante.fr", "cabinet.mssante.fr", "labo.mssante.fr"
FAMILIES = ("CANARD", "CANAL", "CANTON", "CANARIS", "CARRÉ", "DUCANAL", "MARTIN", "EXEMPLE", "ESSAI", "DE LA CANE")
GIVEN = ("Anne-Élise", "Jean", "Zoé", "Martin")
PERSONS, STRUCTURES, MAILBOXES = 40, 5, 120
# What only the owner's view shows, and words that stand in no public document.
PHONE, RESPONSIBLE, SERVICE = "0198765432", "Berthe SECRET", "SERVICE CANARI"


class Canary(NamedTuple):
    """A hidden mailbox: its address, and the body by which its operator publishes it."""

    address: str
    body: Mapping[str, Any]


def rpps(number: int) -> str:
    return f"99900{number:06d}"


def finess(number: int) -> str:
    return f"99000{number:04d}"


# The holder of the first has no other mailbox, that of the second has a public one, the third is of a structure.
ALONE, BESIDE = 0, 1
CANARIES: Mapping[str, Canary] = {
    "on the red list": Canary(
        f"canari.rouge@{OWN}",
        {"type": "PER", "practitioner": rpps(ALONE), "liste_rouge": True, "phone": PHONE, "rank": 1},
    ),
    "suspended": Canary(
        f"canari.suspendu@{OWN}",
        {"type": "PER", "practitioner": rpps(BESIDE), "organization": finess(0), "state": "suspended", "phone": PHONE},
    ),
    "in a shared domain": Canary(
        f"canari.partage@{SHARED}",
        {
            "type": "ORG",
            "organization": finess(1),
            "liste_rouge": True,
            "service": SERVICE,
            "responsible": RESPONSIBLE,
        },
    ),
}
OPERATORS: Mapping[str, tuple[str, ...]] = {
    OWNER: (OWN, SHARED),
    CO_OWNER: (SHARED, SECOND),
    STRANGER: (FOREIGN,),
    CANDIDATE: ("candidat.mssante.fr",),
}


DOMAINS = tuple(domain for those in OPERATORS.values() for domain in those)


def neighbour(number: int) -> str:
    """The address of one of the mailboxes of the world."""
    return f"canal.{number}@{DOMAINS[number % len(DOMAINS)]}"


class Key(NamedTuple):
    """A key of the world: its scope, its operator and its budget."""

    scope: str
    operator: str | None = None
    budget: int | None = None


KEYS: Mapping[str, Key] = {
    "owner": Key("publish", OWNER),
    "co-owner": Key("publish", CO_OWNER),
    "stranger": Key("publish", STRANGER),
    "candidate": Key("publish", CANDIDATE),
    "reader": Key("read"),
    "reader of the co-owner": Key("read", CO_OWNER),
    "bound reader": Key("read", budget=25),
}


def build(connection: Connection, pepper: SecretStr) -> dict[str, str]:
    """Write and publish the world. Returns the keys by name."""
    for operator, domains in OPERATORS.items():
        _operator(connection, operator, domains)
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    places = [a_structure(connection, finess=finess(n), name=f"CH CANTON {n}") for n in range(STRUCTURES)]
    people = [
        a_practitioner(
            connection,
            rpps=rpps(n),
            family=FAMILIES[n % len(FAMILIES)] if n not in {ALONE, BESIDE} else "CANARIS",
            given=GIVEN[n % len(GIVEN)],
            organization=places[n % STRUCTURES],
        )
        for n in range(PERSONS)
    ]
    addresses = [_mailbox(connection, n, people, places) for n in range(MAILBOXES)]
    kinds = {"organization": places, "practitioner": people, "mailbox": addresses}
    publish(connection, *((kind, key) for kind, keys in kinds.items() for key in keys))
    withdrawn = [address for n, address in enumerate(addresses) if n % 17 == 0]
    connection.execute("UPDATE mailbox SET state = 'withdrawn' WHERE address = ANY (%s)", (withdrawn,))
    publish(connection, *(("mailbox", address) for address in withdrawn))
    keys = {
        name: issue(connection, pepper, name, [key.scope], key.operator, budget=key.budget)[1]
        for name, key in KEYS.items()
    }
    connection.commit()
    return keys


def stir(connection: Connection) -> None:
    """Change something in every document, so that all are made again beside whatever is hidden by now."""
    connection.execute("UPDATE practitioner SET civility = 'M'")
    connection.execute("UPDATE organization_record SET trade_name = 'CANTON'")
    connection.execute("UPDATE mailbox SET rank = 7 WHERE address LIKE 'canal.%'")
    people = connection.execute("SELECT 'practitioner', national_id FROM practitioner").fetchall()
    places = connection.execute("SELECT 'organization', key FROM organization").fetchall()
    mailboxes = connection.execute("SELECT 'mailbox', address FROM mailbox").fetchall()
    publish(connection, *people, *places, *mailboxes)


def _operator(connection: Connection, operator: str, domains: tuple[str, ...]) -> None:
    state, source = ("candidate", "admin") if operator == CANDIDATE else ("active", "liste_blanche")
    dn = f"C=FR,CN=bal.exemple,OU={operator}"
    connection.execute(
        "INSERT INTO operator (id, name, state, source) VALUES (%s, %s, %s, %s)",
        (operator, f"OPÉRATEUR {operator}", state, source),
    )
    connection.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, operator, dn)
    )
    for domain in domains:
        connection.execute("INSERT INTO domain (name, certificate, source) VALUES (%s, %s, %s)", (domain, dn, source))


def _mailbox(connection: Connection, number: int, people: list[str], places: list[str]) -> str:
    """A mailbox of a person or a structure, in a domain of somebody; some are hidden, some suspended, none ALONE's."""
    address, kind = neighbour(number), ("PER", "PER", "CAB", "ORG")[number % 4]
    domain = address.partition("@")[2]
    holder = people[1 + number % (PERSONS - 1)]
    a_mailbox(
        connection,
        address,
        mailbox_type=kind,
        practitioner=None if kind == "ORG" else holder,
        organization=places[number % STRUCTURES] if number % 3 == 0 or kind == "ORG" else None,
        service="CARDIOLOGIE" if kind in {"PER", "ORG"} and number % 2 else None,
        description="Cabinet du canal" if kind == "CAB" else None,
        rank=number % 3 or None,
        unlisted=number % 11 == 5,
        state="suspended" if number % 13 == 6 else "active",
        source="api" if number % 2 else "mssante",
    )
    if number % 2:
        writer = next(operator for operator, those in OPERATORS.items() if domain in those)
        connection.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (writer, address))
    return address
