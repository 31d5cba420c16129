"""Reads of published mailboxes."""

from datetime import datetime
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable

from app.identifiers import organization_candidates, practitioner_keys
from app.mailboxes.schemas import MailboxQuery
from app.publication.listing import Selection
from app.publication.reading import Pool

# The successor is told only while it is public itself.
BY_ADDRESS = """
SELECT d.edition, p.document, p.sequence, encode(substr(p.fingerprint, 1, 8), 'hex'), w.since, s.key, w.reason
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN publication p ON p.kind = 'mailbox' AND p.key = %(address)s
LEFT JOIN withdrawn w ON w.address = %(address)s AND p.key IS NULL
  AND w.since > now() - make_interval(days => %(tombstone)s)
LEFT JOIN publication s ON s.kind = 'mailbox' AND s.key = w.successor
"""

NAMED = """s.{column} && (%({name})s::text[] || ARRAY(
  SELECT a.key FROM alias a WHERE a.kind = '{name}' AND a.alias = ANY (%({name})s::text[])))"""


class Found(NamedTuple):
    """What is known of an address: its document, or since when and why it is withdrawn, or neither."""

    edition: int
    document: str | None
    sequence: int
    tag: str
    since: datetime | None
    successor: str | None
    reason: str | None


async def by_address(pool: Pool, address: str, tombstone_days: int) -> Found:
    """The mailbox of a lower-case address, from one snapshot. A withdrawal is told for `tombstone_days`."""
    async with pool.connection() as connection:
        cursor = await connection.execute(BY_ADDRESS, {"address": address, "tombstone": tombstone_days})
        row = await cursor.fetchone()
    return Found(*(row or ()))


def of_query(query: MailboxQuery) -> Selection:
    """The mailboxes that fit, in order of their address."""
    where: list[Composable] = []
    parameters: dict[str, Any] = {}
    if query.domain is not None:
        where.append(SQL("s.domain = %(domain)s"))
        parameters["domain"] = query.domain.strip().lower()
    if query.type is not None:
        where.append(SQL("s.type = %(type)s"))
        parameters["type"] = query.type.value
    if query.practitioner is not None:
        where.append(SQL(NAMED.format(column="practitioners", name="practitioner")))
        parameters["practitioner"] = [query.practitioner, *practitioner_keys(query.practitioner)]
    if query.organization is not None:
        where.append(SQL(NAMED.format(column="organizations", name="organization")))
        parameters["organization"] = list(organization_candidates(query.organization))
    return Selection("mailbox", "mailbox_search", ("key",), tuple(where), parameters)
