"""Reads of the trust space: operators with their certificates, domains and files, and domains with their operators."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

OPERATORS = """
SELECT o.id, o.name, o.state,
  ARRAY(SELECT c.listed_as FROM operator_certificate c WHERE c.operator = o.id ORDER BY c.dn) AS certificates,
  ARRAY(SELECT DISTINCT d.name FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
        WHERE c.operator = o.id ORDER BY d.name) AS domains
FROM operator o
WHERE %(id)s::text IS NULL OR o.id = %(id)s
ORDER BY o.id
"""
STANDING = """
SELECT o.source, o.state_since, o.state_reason, conformity_waiver(o.id) AS waiver FROM operator o WHERE o.id = %s
"""
PIECES = """
SELECT kind, state, reference, starts_on, expires_on FROM conformity_piece WHERE operator = %s ORDER BY position
"""
EXCEPTIONS = """
SELECT reason, expires_on, granted_by, granted_at FROM conformity_exception WHERE operator = %s ORDER BY id
"""
FAULTS = "SELECT code, detail FROM publishing_fault(%s)"
DOMAINS = """
SELECT d.name, array_agg(DISTINCT c.operator ORDER BY c.operator) AS operators,
  (array_agg(d.description ORDER BY d.source_updated DESC NULLS LAST, d.certificate))[1] AS description,
  max(d.source_updated) AS updated_at
FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
GROUP BY d.name
ORDER BY d.name
"""


def operators(connection: Connection) -> list[Row]:
    """Every operator by id: name, state, certificates as listed, domains. One without domains is still there."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(OPERATORS, {"id": None}).fetchall()


def operator(connection: Connection, operator_id: str) -> Row | None:
    """The operator of this id, as `operators` gives it, with its file: each piece, and what is `missing` by name.

    `faults`: why it may not publish now. `missing`: pieces that are not in force, and what else it needs to publish.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(OPERATORS, {"id": operator_id}).fetchone()
        if found is None:
            return None
        found |= cursor.execute(STANDING, [operator_id]).fetchone() or {}
        found["conformity"] = cursor.execute(PIECES, [operator_id]).fetchall()
        found["exceptions"] = cursor.execute(EXCEPTIONS, [operator_id]).fetchall()
        found["faults"] = faults(connection, operator_id)
    return {**found, "may_publish": not found["faults"], "missing": _missing(found)}


def faults(connection: Connection, operator_id: str) -> list[Row]:
    """Why the operator may not publish now, as publishing_fault() says it; nothing when it may."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(FAULTS, [operator_id]).fetchall()


def domains(connection: Connection) -> list[Row]:
    """Every listed domain by name, with the ids of its operators (several may serve one). Contacts are never public."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(DOMAINS).fetchall()


def _missing(found: Row) -> list[str]:
    pieces = [] if found["waiver"] else [each["kind"] for each in found["conformity"] if each["state"] != "in_force"]
    return [*pieces, *(name for name in ("certificates", "domains") if not found[name])]
