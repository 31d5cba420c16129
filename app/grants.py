"""`annuaire db grant ROLE`: a role of PostgreSQL for the API that cannot change the audit trail.

Whoever owns the tables can switch their triggers off. So the API of a deployment runs as a role of its own, which reads
and writes what requests need, and adds to the trail by its functions alone. The worker and the commands, which load
whole tables and make new ones, keep the role that owns them.
"""

from typing import Any

import psycopg
from psycopg import sql

from app.console import Refused

Connection = psycopg.Connection[Any]
# Read, and never written by the API.
READ_ONLY = ("alembic_version", "audit", "audit_head")
ROLE = """
SELECT r.rolsuper, pg_has_role(r.oid, c.relowner, 'member') FROM pg_roles r CROSS JOIN pg_class c
WHERE r.rolname = %s AND c.oid = to_regclass('public.audit')
"""
WRITTEN = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s)
ORDER BY relname
"""


def grant(connection: Connection, role: str) -> list[str]:
    """Give `role` what the API needs, in one transaction; harmless to repeat, and needed after a migration.

    Returns the tables that it may write. Raises Refused: there is no such role, or it may do everything anyway.
    """
    found = connection.execute(ROLE, (role,)).fetchone()
    if found is None:
        raise Refused(f"PostgreSQL has no role {role!r}: CREATE ROLE {role} LOGIN", "role.unknown")
    if any(found):
        raise Refused(
            f"the role {role} owns the tables or is a superuser, so nothing can be kept from it: take another",
            "role.too_strong",
        )
    written = [name for (name,) in connection.execute(WRITTEN, [list(READ_ONLY)]).fetchall()]
    names = {"role": sql.Identifier(role), "written": sql.SQL(", ").join(map(sql.Identifier, written))}
    names["kept"] = sql.SQL(", ").join(map(sql.Identifier, READ_ONLY))
    for statement in (
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {kept} FROM {role}",
        "GRANT INSERT, UPDATE, DELETE ON {written} TO {role}",
        "GRANT EXECUTE ON FUNCTION audit_append, audit_append_all TO {role}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
    return written
