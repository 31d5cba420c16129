"""The trust space of the matrix: who its operators are, whose domains are whose, and which mailboxes stand in them.

In every listed domain two hidden mailboxes stand: `ecrite@`, which an operator wrote, and `fichier@`, which came by a
file and which nobody has written yet.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg
from cryptography import x509

from app.access.distinguished_name import of_name
from tests.access.authority import a_name
from tests.authorisation import names
from tests.builders import RPPS, a_mailbox, a_practitioner, publish

Connection = psycopg.Connection[Any]

WRITTEN, FILED = "ecrite", "fichier"


class Operator(NamedTuple):
    """`listed`: brought by an imported white list, which vouches for it. `file`: its conformity file is complete."""

    id: str
    state: str = "active"
    listed: bool = True
    file: bool = False


OPERATORS: Mapping[str, Operator] = {
    "owner": Operator("1990000010"),
    "co-owner": Operator("1990000028"),
    "other": Operator("1990000036"),
    "candidate": Operator("300000001800010", "candidate", listed=False),
    "suspended": Operator("1990000044", "suspended"),
    "left": Operator("1990000051", "left"),
    "dispossessed": Operator("1990000069", listed=False, file=True),
}
# Each has two certificates: 0, and 1 with another name.
CERTIFICATES = (0, 1)


class Listing(NamedTuple):
    """One line of the white list: the domain is that operator's, by that certificate of its."""

    domain: str
    operator: str
    certificate: int = 0


LISTED = (
    Listing(names.OWN, "owner"),
    Listing(names.SECOND, "owner", 1),
    Listing(names.SHARED, "owner"),
    Listing(names.SHARED, "co-owner"),
    Listing(names.OTHERS, "other"),
    Listing(names.HYPHEN, "other"),
    Listing(names.GATEWAY, "other"),
    Listing(names.CANDIDATES, "candidate"),
    Listing(names.SUSPENDED, "suspended"),
    Listing(names.LEFT, "left"),
    # Taken from an operator, whose mailbox still stands there.
    Listing(names.TAKEN, "other"),
    *(Listing(f"don-{number}.mssante.fr", "other") for number in range(len(OPERATORS))),
)
GIFTS: Mapping[str, str] = {operator: f"don-{number}.mssante.fr" for number, operator in enumerate(OPERATORS)}
# Who wrote `ecrite@` there.
WRITERS: Mapping[str, str] = {
    names.OWN: "owner",
    names.SECOND: "owner",
    names.SHARED: "owner",
    names.OTHERS: "other",
    names.HYPHEN: "other",
    names.GATEWAY: "other",
    names.CANDIDATES: "candidate",
    names.SUSPENDED: "suspended",
    names.LEFT: "left",
    names.TAKEN: "dispossessed",
}


def name_of(operator: str, certificate: int) -> x509.Name:
    """The name in one of an operator's certificates."""
    return a_name(f"{operator} {certificate}", OPERATORS[operator].id)


def build(connection: Connection) -> dict[str, int]:
    """Write and publish all of it. Returns, by operator, the number of a transfer that `other` proposed to it."""
    person = a_practitioner(connection)
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    for name, operator in OPERATORS.items():
        _add(connection, name, operator)
    for line in LISTED:
        source = "liste_blanche" if OPERATORS[line.operator].listed else "admin"
        dn = of_name(name_of(line.operator, line.certificate))
        connection.execute(
            "INSERT INTO domain (name, certificate, source) VALUES (%s, %s, %s)", (line.domain, dn, source)
        )
    for domain, writer in WRITERS.items():
        add_mailbox(connection, f"{WRITTEN}@{domain}", writer)
        add_mailbox(connection, f"{FILED}@{domain}", None)
    publish(connection, ("practitioner", person), *(("mailbox", f"{FILED}@{domain}") for domain in WRITERS))
    return {name: _offered(connection, name) for name in OPERATORS if name != "other"}


def add_mailbox(connection: Connection, address: str, writer: str | None) -> None:
    """A hidden mailbox, written by an operator or brought by a file. Publishing it would change nothing."""
    a_mailbox(connection, address, practitioner="8" + RPPS, unlisted=True, source="api" if writer else "mssante")
    if writer:
        connection.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (OPERATORS[writer].id, address))


def _add(connection: Connection, name: str, operator: Operator) -> None:
    connection.execute(
        "INSERT INTO operator (id, name, state, source) VALUES (%s, %s, %s, %s)",
        (operator.id, name, operator.state, "liste_blanche" if operator.listed else "admin"),
    )
    for certificate in CERTIFICATES:
        dn = of_name(name_of(name, certificate))
        connection.execute(
            "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, operator.id, dn)
        )
    if operator.file:
        connection.execute(
            "INSERT INTO conformity_document (operator, kind, reference, starts_on, expires_on, recorded_by)"
            " SELECT %s, kind, 'REF', french_today() - 9, french_today() + 9, 'test'"
            " FROM unnest(ARRAY['contract', 'commitment', 'hosting']) AS k (kind)",
            (operator.id,),
        )


def _offered(connection: Connection, receiver: str) -> int:
    """A domain that `other` offered to an operator, which has a day to agree."""
    row = connection.execute(
        "INSERT INTO transfer (scope, key, from_operator, to_operator, effective_at, proposed_by)"
        " VALUES ('domain', %(key)s, %(giver)s, %(receiver)s, now() + interval '1 day', %(giver)s) RETURNING id",
        {"key": GIFTS[receiver], "giver": OPERATORS["other"].id, "receiver": OPERATORS[receiver].id},
    ).fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])
