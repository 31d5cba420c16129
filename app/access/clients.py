"""Clients of OAuth 2 as administrators handle them: registered with a public key, listed, revoked.

One client has one key. Who changes it registers the new key as a second client and revokes the first: both work
meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from app.access.audit import row_hash
from app.access.client_jwk import ClientKey
from app.access.key_form import random_id

COLUMNS = "id, name, operator, scopes, kid, algorithm, created_at, revoked_at, last_used_at"


class ListedClient(NamedTuple):
    """A client as administrators see it. `id`: what it writes into `iss` and `sub`; `kid`: into the header."""

    id: str
    name: str
    operator: str
    scopes: list[str]
    kid: str
    algorithm: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def audited(self) -> bytes | None:
        """What the audit trail keeps of it: uses are nobody's act."""
        return row_hash({name: value for name, value in self._asdict().items() if name != "last_used_at"})


def add(
    connection: psycopg.Connection[Any], name: str, operator: str, scopes: Sequence[str], key: ClientKey
) -> ListedClient:
    """A new client. Raises ForeignKeyViolation for an unknown operator, UniqueViolation for a known key."""
    identifier = random_id()
    connection.execute(
        "INSERT INTO client_key (id, name, operator, scopes, kid, algorithm, jwk) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (identifier, name, operator, sorted(set(scopes)), key.kid, key.algorithm, key.jwk),
    )
    added = one_client(connection, identifier)
    assert added is not None  # noqa: S101 - it was just written
    return added


def revoke(connection: psycopg.Connection[Any], identifier: str) -> datetime | None:
    """Since when the client is revoked, for good; its tokens end with it. None when no client has this id."""
    row = connection.execute(
        "UPDATE client_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s RETURNING revoked_at",
        (identifier,),
    ).fetchone()
    return row[0] if row else None


def one_client(connection: psycopg.Connection[Any], identifier: str) -> ListedClient | None:
    """The client of this id."""
    with connection.cursor(row_factory=class_row(ListedClient)) as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM client_key WHERE id = %s", (identifier,))  # noqa: S608 - a constant of ours
        return cursor.fetchone()


def every_client(connection: psycopg.Connection[Any]) -> list[ListedClient]:
    """All clients that were ever registered, oldest first."""
    with connection.cursor(row_factory=class_row(ListedClient)) as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM client_key ORDER BY created_at, id")  # noqa: S608 - a constant of ours
        return cursor.fetchall()
