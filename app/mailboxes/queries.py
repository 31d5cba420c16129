"""Reads of published mailboxes."""

from datetime import datetime
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable

from app.identifiers import organization_candidates, practitioner_keys
from app.mailboxes.schemas import MailboxQuery
from app.pipelined import Reads, Statement
from app.publication.listing import Selection
from app.publication.reading import Row

# The successor is told only while it is public itself. $1 is an address, $2 days that a withdrawal is told for.
BY_ADDRESS = Statement(
    b"by_address",
    b"""
SELECT d.edition, p.document, '"' || p.sequence || '-' || encode(substr(p.fingerprint, 1, 8), 'hex') || '"',
  w.since, s.key, w.reason
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN publication p ON p.kind = 'mailbox' AND p.key = $1
LEFT JOIN withdrawn w ON w.address = $1 AND p.key IS NULL AND w.since > now() - make_interval(days => $2)
LEFT JOIN publication s ON s.kind = 'mailbox' AND s.key = w.successor
""",
)

NAMED = """s.{column} && (%({name})s::text[] || ARRAY(
  SELECT a.key FROM alias a WHERE a.kind = '{name}' AND a.alias = ANY (%({name})s::text[])))"""


class Withdrawal(NamedTuple):
    """Since when and why an address has no mailbox any more, and who follows."""

    since: datetime
    successor: str | None
    reason: str


class Found(NamedTuple):
    """What is known of an address: its mailbox, or its withdrawal, or neither."""

    row: Row | None
    withdrawal: Withdrawal | None
    edition: int


async def by_address(reads: Reads, address: str, tombstone_days: int) -> Found:
    """The mailbox of a lower-case address, from one snapshot. A withdrawal is told for `tombstone_days`."""
    result = await reads.one(BY_ADDRESS, address.encode(), b"%d" % tombstone_days)
    row = Row(result)
    if row.tag:
        return Found(row, None, int(row.edition))
    since, successor, reason = (result.get_value(0, column) for column in (3, 4, 5))
    if since is None or reason is None:
        return Found(None, None, int(row.edition))
    told = successor.decode() if successor is not None else None
    return Found(None, Withdrawal(datetime.fromisoformat(since.decode()), told, reason.decode()), int(row.edition))


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
