"""Certificates by which operators are known: their distinguished names, which the white list binds to domains."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from cryptography import x509
from psycopg.rows import dict_row

from app.access.audit import append, by_command, row_hash
from app.access.distinguished_name import InvalidDistinguishedName, canonical, of_name, values
from app.access.malformed import MALFORMED
from app.console import Refused
from app.trust.operators import FINESS_ID, SIRET_ID, locked

Connection = psycopg.Connection[Any]
COLUMNS = "dn, operator, listed_as, expires_at"
FOUND = f"SELECT {COLUMNS} FROM operator_certificate WHERE dn = %s FOR UPDATE"  # noqa: S608 - our own names
WRITE = f"""
INSERT INTO operator_certificate (dn, operator, listed_as, expires_at)
VALUES (%(dn)s, %(operator)s, %(listed_as)s, %(expires_at)s)
ON CONFLICT (dn) DO UPDATE SET expires_at = coalesce(excluded.expires_at, operator_certificate.expires_at)
RETURNING {COLUMNS}
"""  # noqa: S608 - our own names


class Named(NamedTuple):
    """The name of a certificate in its canonical spelling and as it was given; when it ends, where that is known."""

    dn: str
    listed_as: str
    expires_at: datetime | None = None

    @property
    def units(self) -> list[str]:
        """The national identifications among its OU: whose certificate its issuer says it is."""
        units = [unit.upper() for unit in values(self.listed_as, "OU")]
        return [unit for unit in units if FINESS_ID.fullmatch(unit) or SIRET_ID.fullmatch(unit)]


def from_text(text: str) -> Named:
    """A distinguished name as somebody wrote it. Raises Refused."""
    try:
        return Named(canonical(text), text.strip())
    except InvalidDistinguishedName as error:
        raise Refused(f"no distinguished name: {error}", "certificate.form") from error


def from_file(path: Path) -> Named:
    """The name of the first certificate of a PEM file. Raises Refused: none can be read there, or it is over."""
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        named = Named(
            of_name(certificate.subject), certificate.subject.rfc4514_string(), certificate.not_valid_after_utc
        )
    except (*MALFORMED, InvalidDistinguishedName) as error:
        raise Refused(f"{path}: no certificate in PEM can be read: {error}", "certificate.unreadable") from error
    if named.expires_at and named.expires_at < datetime.now(UTC):
        raise Refused(f"{path}: this certificate expired on {named.expires_at:%Y-%m-%d}", "certificate.expired")
    return named


def register(connection: Connection, operator: str, named: Named) -> dict[str, Any]:
    """Give a certificate to an operator; again changes nothing. Raises Refused: it is another operator's."""
    with connection.cursor(row_factory=dict_row) as cursor:
        locked(cursor, operator)
        before = cursor.execute(FOUND.encode(), [named.dn]).fetchone()
        if before and before["operator"] != operator:
            raise Refused(f"certificate {named.dn} is that of operator {before['operator']}", "certificate.taken")
        after = cursor.execute(WRITE.encode(), {**named._asdict(), "operator": operator}).fetchone()
    _audit(connection, "certificate.added", operator, named.dn, before, after)
    return {**(after or {})}


def remove(connection: Connection, operator: str, named: Named) -> None:
    """Take a certificate from an operator. Raises Refused: it is not its own, or domains are bound to it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        locked(cursor, operator)
        before = cursor.execute(FOUND.encode(), [named.dn]).fetchone()
        if before is None or before["operator"] != operator:
            raise Refused(f"operator {operator} has no certificate {named.dn}", "certificate.unknown")
        bound = cursor.execute("SELECT name FROM domain WHERE certificate = %s ORDER BY name LIMIT 1", [named.dn])
        if row := bound.fetchone():
            raise Refused(
                f"domains are bound to this certificate ({row['name']}): remove them first, or bind them to another",
                "certificate.in_use",
            )
        cursor.execute("DELETE FROM operator_certificate WHERE dn = %s", [named.dn])
    _audit(connection, "certificate.removed", operator, named.dn, before, None)


def _audit(
    connection: Connection,
    action: str,
    operator: str,
    dn: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    act = by_command(action, "certificate", dn, operator=operator, before=row_hash(before), after=row_hash(after))
    append(connection, act)
