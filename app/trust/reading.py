"""Reads of the trust space for REST: pages of domains and of operators, each item as JSON text."""

from psycopg.sql import SQL

from app.paging import COUNTED, Position
from app.publication.listing import Found, fetch
from app.publication.reading import Pool
from app.trust.schemas import DomainQuery, OperatorQuery

DOMAINS = """
WITH fitting AS (
  SELECT d.name, d.certificate, o.id, o.name AS operator_name, d.description, d.source_updated
  FROM domain d JOIN operator_certificate c ON c.dn = d.certificate JOIN operator o ON o.id = c.operator
  WHERE (%(name)s::text IS NULL OR d.name = %(name)s) AND (%(operator)s::text IS NULL OR o.id = %(operator)s)
)
SELECT e.edition, (SELECT count(*) FROM (SELECT FROM fitting LIMIT %(counted)s) n), p.item, NULL, p.name, p.certificate
FROM directory e LEFT JOIN LATERAL (
  SELECT f.name, f.certificate, json_build_object('name', f.name, 'certificate', f.certificate, 'operator', f.id,
    'operator_name', f.operator_name, 'description', f.description,
    'updated_at', utc_text(f.source_updated))::text AS item
  FROM fitting f WHERE (f.name, f.certificate) > (%(after_name)s, %(after_certificate)s)
  ORDER BY f.name, f.certificate LIMIT %(rows)s) p ON true
ORDER BY p.name, p.certificate
"""

OPERATOR = """
json_build_object('id', o.id, 'name', o.name, 'state', o.state,
    'conformity_in_force', conformity_waiver(o.id) IS NOT NULL
      OR NOT EXISTS (SELECT FROM conformity_piece p WHERE p.operator = o.id AND p.state <> 'in_force'),
    'certificates', ARRAY(SELECT c.dn FROM operator_certificate c WHERE c.operator = o.id ORDER BY c.dn),
    'domains', ARRAY(SELECT DISTINCT d.name FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
                     WHERE c.operator = o.id ORDER BY d.name))::text"""
OPERATORS = f"""
WITH fitting AS (
  SELECT o.* FROM operator o
  WHERE (%(state)s::text IS NULL OR o.state = %(state)s)
    AND (%(domain)s::text IS NULL OR EXISTS (
      SELECT FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
      WHERE c.operator = o.id AND d.name = %(domain)s))
)
SELECT e.edition, (SELECT count(*) FROM (SELECT FROM fitting LIMIT %(counted)s) n), p.item, NULL, p.id
FROM directory e LEFT JOIN LATERAL (
  SELECT o.id, {OPERATOR} AS item FROM fitting o WHERE o.id > %(after_id)s ORDER BY o.id LIMIT %(rows)s) p ON true
ORDER BY p.id
"""  # noqa: S608 - our own text
ONE = f"""
SELECT e.edition, (SELECT {OPERATOR} FROM operator o WHERE o.id = %s) FROM directory e
"""  # noqa: S608 - our own text


async def domains(pool: Pool, query: DomainQuery, after: Position | None) -> Found:
    """At most `query.limit` + 1 pairs of domain and certificate after a sort key."""
    name, certificate = after or ("", "")
    parameters = {
        "name": query.name and query.name.strip().lower(),
        "operator": query.operator and query.operator.strip(),
        "after_name": name,
        "after_certificate": certificate,
        "rows": query.limit + 1,
        "counted": COUNTED + 1,
    }
    return await fetch(pool, SQL(DOMAINS).format(), parameters)


async def operators(pool: Pool, query: OperatorQuery, after: Position | None) -> Found:
    """At most `query.limit` + 1 operators after a sort key."""
    (after_id,) = after or ("",)
    parameters = {
        "state": query.state,
        "domain": query.domain and query.domain.strip().lower(),
        "after_id": after_id,
        "rows": query.limit + 1,
        "counted": COUNTED + 1,
    }
    return await fetch(pool, SQL(OPERATORS).format(), parameters)


async def operator(pool: Pool, operator_id: str) -> tuple[int, str | None]:
    """(edition, JSON text of one operator); None where there is none."""
    async with pool.connection() as connection:
        row = await (await connection.execute(ONE.encode(), [operator_id])).fetchone()
    if row is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return row[0], row[1]
