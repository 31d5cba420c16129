"""Changes of the registry, each published as a writer would."""

from typing import Any

import psycopg

ANNE_CH = "anne@ch-exemple.mssante.fr"
ANNE = "anne@medecin-exemple.mssante.fr"
CABINET = "cabinet@pro-exemple.mssante.fr"
SECRETARIAT = "secretariat@ch-exemple.mssante.fr"


def publish(connection: psycopg.Connection[Any], kind: str, *keys: str) -> int:
    """Publish these ids and commit. Returns the edition."""
    row = connection.execute("SELECT publish(%s, %s)", ([kind] * len(keys), list(keys))).fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def hide(connection: psycopg.Connection[Any], address: str) -> int:
    connection.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (address,))
    return publish(connection, "mailbox", address)


def describe(connection: psycopg.Connection[Any], address: str, description: str) -> int:
    connection.execute("UPDATE mailbox SET description = %s WHERE address = %s", (description, address))
    return publish(connection, "mailbox", address)


def add(connection: psycopg.Connection[Any], *addresses: str, description: str | None = None) -> int:
    """New ORG mailboxes in a listed domain."""
    domain = "ch-exemple.mssante.fr"
    for address in addresses:
        connection.execute(
            "INSERT INTO mailbox (address, domain, type, description, source) VALUES (%s, %s, 'ORG', %s, 'api')",
            (address, domain, description),
        )
        connection.execute("INSERT INTO mailbox_attachment (address) VALUES (%s)", (address,))
    return publish(connection, "mailbox", *addresses)


def rename_code(connection: psycopg.Connection[Any]) -> int:
    """A change that touches a practitioner and no mailbox: the civility is not shown by a mailbox."""
    connection.execute("UPDATE practitioner SET civility = 'MLLE' WHERE national_id = '899900000060'")
    return publish(connection, "practitioner", "899900000060")


def new_epoch(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute("UPDATE directory SET epoch = %s", (name,))
    connection.commit()
