"""Reads of the trust space: operators with their certificates and domains, and domains with their operators."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]

OPERATORS = """
SELECT o.id, o.name, o.state,
  ARRAY(SELECT c.listed_as FROM operator_certificate c WHERE c.operator = o.id ORDER BY c.dn) AS certificates,
  ARRAY(SELECT DISTINCT d.name FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
        WHERE c.operator = o.id ORDER BY d.name) AS domains
FROM operator o
WHERE %(id)s::text IS NULL OR o.id = %(id)s
ORDER BY o.id
"""
DOMAINS = """
SELECT d.name, array_agg(DISTINCT c.operator ORDER BY c.operator) AS operators,
  (array_agg(d.description ORDER BY d.source_updated DESC NULLS LAST, d.certificate))[1] AS description,
  max(d.source_updated) AS updated_at
FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
GROUP BY d.name
ORDER BY d.name
"""


def operators(connection: Connection) -> list[dict[str, Any]]:
    """Every operator by id: name, state, certificates as listed, domains. One without domains is still there."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(OPERATORS, {"id": None}).fetchall()


def operator(connection: Connection, operator_id: str) -> dict[str, Any] | None:
    """The operator of this id, as `operators` gives it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(OPERATORS, {"id": operator_id}).fetchone()


def domains(connection: Connection) -> list[dict[str, Any]]:
    """Every listed domain by name, with the ids of its operators (several may serve one). Contacts are never public."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(DOMAINS).fetchall()
