"""What the publication knows of many addresses, from one statement."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.publication.reading import Pool
from app.search.check_space import TrustState

# As a look-up of each one would say: published, or withdrawn, or neither; a successor is told only while it is public.
# Every address costs the same reads by key, whatever there is, was, or is hidden.
KNOWN = """
SELECT d.edition, t.number, t.changed_at, coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false),
  f.address, f.document, f.type, f.reason, f.since, f.successor
FROM (SELECT * FROM directory LIMIT 1) d
CROSS JOIN (SELECT * FROM trust_edition LIMIT 1) t
LEFT JOIN LATERAL (
  SELECT a.address, p.document, m.type, w.reason, utc_text(w.since) AS since, s.key AS successor
  FROM unnest(%(addresses)s::text[]) AS a (address)
  LEFT JOIN publication p ON p.kind = 'mailbox' AND p.key = a.address
  LEFT JOIN mailbox_search m ON m.key = p.key
  LEFT JOIN withdrawn w ON w.address = a.address AND p.key IS NULL
    AND w.since > now() - make_interval(days => %(tombstone)s)
  LEFT JOIN publication s ON s.kind = 'mailbox' AND s.key = w.successor
  WHERE p.key IS NOT NULL OR w.address IS NOT NULL) f ON true
"""


class Published(NamedTuple):
    """A published mailbox: its document, and its type."""

    document: str
    type: str


class Gone(NamedTuple):
    """An address that was public and is no more. `reason`: withdrawn, holder_inactive or domain_unlisted."""

    reason: str
    since: str
    successor: str | None


class Known(NamedTuple):
    """What is known at one edition. An address that is in neither mapping never was, as far as anybody may know."""

    edition: int
    trust: TrustState
    is_domain_rule_on: bool
    published: Mapping[str, Published]
    gone: Mapping[str, Gone]

    @property
    def shown(self) -> Sequence[tuple[str, str]]:
        """(address, document) of every mailbox that the answer confirms."""
        return [(address, mailbox.document) for address, mailbox in self.published.items()]


async def known(pool: Pool, addresses: Sequence[str], tombstone_days: int) -> Known:
    """What is known of these addresses, each given once. A withdrawal is told for `tombstone_days`."""
    async with pool.connection() as connection:
        cursor = await connection.execute(KNOWN, {"addresses": addresses, "tombstone": tombstone_days})
        rows = await cursor.fetchall()
    edition, number, changed_at, is_domain_rule_on, *_ = rows[0]
    return Known(
        edition,
        TrustState(number, changed_at),
        is_domain_rule_on,
        {row[4]: Published(*row[5:7]) for row in rows if row[5] is not None},
        {row[4]: Gone(*row[7:]) for row in rows if row[7] is not None},
    )
