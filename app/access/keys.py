"""API keys as administrators handle them: issued, renewed, revoked and listed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from pydantic import SecretStr

from app.access.audit import row_hash
from app.access.key_form import make
from app.access.peppers import Pepper, Peppers

# No key lives longer than a year: who still needs one renews it, who does not is forgotten (reliability.md §6.1).
LONGEST = timedelta(days=365)
LISTED = "id, name, scopes, operator, budget, created_at, expires_at, revoked_at, last_used_at, pepper, replaces"

INSERT = """
INSERT INTO api_key (id, name, digest, pepper, scopes, operator, budget, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, now() + %s)
"""
RENEW = """
INSERT INTO api_key (id, name, digest, pepper, scopes, operator, budget, expires_at, replaces)
SELECT %(new)s, name, %(digest)s, %(pepper)s, scopes, operator, budget, now() + %(expires_in)s, id
FROM api_key WHERE id = %(old)s
"""


class KeyUnknown(LookupError):
    """No key has this id."""


class KeyNotInForce(ValueError):
    """The key was revoked or has expired."""


class KeyAlreadyRenewed(ValueError):
    """A successor of the key is in force: two live keys are what a change-over needs, and no more."""


class Listed(NamedTuple):
    """A key as administrators see it. `pepper`: id of the pepper it is stored under, None where nobody noted it."""

    id: str
    name: str
    scopes: list[str]
    operator: str | None
    budget: int | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    pepper: str | None
    replaces: str | None

    def state(self, now: datetime) -> str:
        if self.revoked_at:
            return "revoked"
        return "in force" if self.expires_at > now else "expired"

    def audited(self) -> bytes | None:
        """What the audit trail keeps of it: uses, and the pepper, change without anybody's act."""
        return row_hash(
            {name: value for name, value in self._asdict().items() if name not in {"last_used_at", "pepper"}}
        )


def issue(
    connection: psycopg.Connection[Any],
    pepper: SecretStr,
    name: str,
    scopes: Sequence[str],
    operator: str | None,
    *,
    expires_in: timedelta = LONGEST,
    budget: int | None = None,
) -> tuple[str, str]:
    """(id, key) of a new key in force. Raises psycopg.errors.ForeignKeyViolation for an unknown operator."""
    current = _current(pepper)
    identifier, key, stored = make(current)
    connection.execute(
        INSERT, (identifier, name, stored, current.id, sorted(set(scopes)), operator, budget, expires_in)
    )
    return identifier, key


def renew(
    connection: psycopg.Connection[Any],
    pepper: SecretStr,
    identifier: str,
    *,
    overlap: timedelta,
    expires_in: timedelta = LONGEST,
) -> tuple[str, str]:
    """(id, key) of a new key with the rights of an old one, which ends after `overlap` at the latest.

    Raises KeyUnknown, KeyNotInForce or KeyAlreadyRenewed.
    """
    _require_renewable(connection, identifier)
    current = _current(pepper)
    new, key, stored = make(current)
    connection.execute(
        RENEW, {"new": new, "digest": stored, "pepper": current.id, "expires_in": expires_in, "old": identifier}
    )
    connection.execute(
        "UPDATE api_key SET expires_at = least(expires_at, now() + %s) WHERE id = %s", (overlap, identifier)
    )
    return new, key


def revoke(connection: psycopg.Connection[Any], identifier: str) -> datetime | None:
    """Since when the key is revoked: a key is revoked once and stays so. None when no key has this id."""
    row = connection.execute(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s RETURNING revoked_at", (identifier,)
    ).fetchone()
    return row[0] if row else None


def every_key(connection: psycopg.Connection[Any]) -> list[Listed]:
    """All keys that were ever issued, oldest first."""
    with connection.cursor(row_factory=class_row(Listed)) as cursor:
        cursor.execute(f"SELECT {LISTED} FROM api_key ORDER BY created_at, id")  # noqa: S608 - a constant of ours
        return cursor.fetchall()


def one_key(connection: psycopg.Connection[Any], identifier: str) -> Listed | None:
    """The key of this id."""
    with connection.cursor(row_factory=class_row(Listed)) as cursor:
        cursor.execute(f"SELECT {LISTED} FROM api_key WHERE id = %s", (identifier,))  # noqa: S608 - a constant of ours
        return cursor.fetchone()


def _require_renewable(connection: psycopg.Connection[Any], identifier: str) -> None:
    """Locks the key: of two who renew it at once, the second is told."""
    row = connection.execute(
        "SELECT revoked_at IS NULL AND expires_at > now() FROM api_key WHERE id = %s FOR UPDATE", (identifier,)
    ).fetchone()
    if row is None:
        raise KeyUnknown(identifier)
    if not row[0]:
        raise KeyNotInForce(identifier)
    successor = connection.execute(
        "SELECT id FROM api_key WHERE replaces = %s AND revoked_at IS NULL AND expires_at > now()", (identifier,)
    ).fetchone()
    if successor:
        raise KeyAlreadyRenewed(successor[0])


def _current(pepper: SecretStr) -> Pepper:
    return Peppers(pepper).current
