"""Domains that an administrator gives to an operator's certificate, and takes away, beside those of the white list."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.access.audit import append, by_command, row_hash
from app.console import Refused
from app.mail_domains import InvalidDomain, parse, require_accepted
from app.trust.models import OperatorState
from app.trust.operators import locked
from app.trust.visibility import publish_at_once

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[dict[str, Any]]
COLUMNS = "name, certificate, source, description"
ADD = f"""
INSERT INTO domain (name, certificate, source, description, source_updated)
VALUES (%(name)s, %(certificate)s, 'admin', %(description)s, now())
ON CONFLICT DO NOTHING RETURNING {COLUMNS}
"""  # noqa: S608 - our own names
PAIRS = """
SELECT d.name, d.certificate, d.source, d.description, c.operator
FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
WHERE d.name = %(name)s AND (%(operator)s::text IS NULL OR c.operator = %(operator)s)
ORDER BY d.certificate FOR UPDATE OF d
"""
OTHERS = """
SELECT DISTINCT c.operator FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
WHERE d.name = %s AND c.operator <> %s ORDER BY 1
"""


def add(
    connection: Connection,
    accepted: Iterable[str],
    name: str,
    operator: str,
    *,
    certificate: str | None = None,
    description: str | None = None,
    is_shared: bool = False,
) -> dict[str, Any]:
    """Bind a domain to a certificate of an operator. `accepted`: the domains that this trust space takes.

    Raises Refused: a name that is not taken, an operator that left, no certificate or several to choose from, the
    pair is there, or the domain is another operator's and nobody said that they share it.
    """
    try:
        domain = require_accepted(name, accepted)
    except InvalidDomain as error:
        raise Refused(str(error), error.code) from error
    if description and not description.isprintable():
        raise Refused("a description is one line of text", "domain.description")
    with connection.cursor(row_factory=dict_row) as cursor:
        found = locked(cursor, operator)
        if found["state"] == OperatorState.LEFT:
            raise Refused(f"operator {operator} left the trust space: it gets no domain", "operator.state")
        dn = _certificate(cursor, operator, certificate)
        # Two operators that ask for one domain at once: the second sees the first. Writers of mailboxes do not wait.
        cursor.execute("LOCK TABLE domain IN SHARE ROW EXCLUSIVE MODE")
        others = [row["operator"] for row in cursor.execute(OTHERS, [domain, operator]).fetchall()]
        if others and not is_shared:
            raise Refused(
                f"{domain} is a domain of {', '.join(others)}: if they are to share it, say --shared",
                "domain.of_another",
            )
        given = {"name": domain, "certificate": dn, "description": description}
        row = cursor.execute(ADD.encode(), given).fetchone()
        if row is None:
            raise Refused(f"{domain} is bound to {dn} already", "domain.bound")
        publish_at_once(cursor, "domain", domain)
    said = f"bound to {dn}" + (f", shared with {', '.join(others)}" if others else "")
    append(
        connection, by_command("domain.added", "domain", domain, operator=operator, after=row_hash(row), detail=said)
    )
    return row


def remove(connection: Connection, name: str, operator: str | None, reason: str) -> list[dict[str, Any]]:
    """Take a domain from its operators, or from one: writes stop and mailboxes leave the publication at once.

    Raises Refused: nobody has it, or a pair is that of the imported white list, which would bring it back.
    """
    try:
        domain = parse(name)
    except InvalidDomain as error:
        raise Refused(str(error), error.code) from error
    with connection.cursor(row_factory=dict_row) as cursor:
        pairs = cursor.execute(PAIRS, {"name": domain, "operator": operator}).fetchall()
        if not pairs:
            of = f" of operator {operator}" if operator else ""
            raise Refused(f"there is no domain {domain}{of}: see annuaire domain list", "domain.unknown")
        if any(pair["source"] == "liste_blanche" for pair in pairs):
            raise Refused(
                f"the imported white list names {domain}: it goes with a list that names it no more; to stop its"
                " operator now, annuaire operator suspend",
                "domain.listed",
            )
        for pair in pairs:
            cursor.execute("DELETE FROM domain WHERE (name, certificate) = (%(name)s, %(certificate)s)", pair)
        publish_at_once(cursor, "domain", domain)
    for pair in pairs:
        append(connection, _removal(pair, reason))
    return pairs


def _removal(pair: dict[str, Any], reason: str) -> Any:
    before = {column: pair[column] for column in ("name", "certificate", "source", "description")}
    said = f"taken from {pair['certificate']}" + (f": {reason}" if reason else "")
    return by_command(
        "domain.removed", "domain", pair["name"], operator=pair["operator"], before=row_hash(before), detail=said
    )


def _certificate(cursor: Cursor, operator: str, asked: str | None) -> str:
    """The canonical name of the certificate to bind: the one asked for, or the operator's only one."""
    rows = cursor.execute("SELECT dn FROM operator_certificate WHERE operator = %s ORDER BY dn", [operator]).fetchall()
    known = [str(row["dn"]) for row in rows]
    if asked is not None:
        if asked in known:
            return asked
        raise Refused(
            f"operator {operator} has no certificate {asked}: annuaire operator certificate", "certificate.unknown"
        )
    if len(known) == 1:
        return known[0]
    if not known:
        raise Refused(
            f"operator {operator} has no certificate yet: annuaire operator certificate {operator} --pem FILE",
            "certificate.missing",
        )
    raise Refused(
        f"operator {operator} has {len(known)} certificates: name one, --certificate DN", "certificate.several"
    )
