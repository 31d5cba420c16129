"""What resolving reads of the publication, from one moment."""

import json
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

from app.publication.moment import at_one_moment
from app.publication.reading import Pool, by_ids_at

# A structure with more is none that anybody could choose a mailbox of by rules.
MOST_MAILBOXES = 5_000

# A person's own, and what structures hold: never somebody else's personal mailbox at that structure, nor a service's at
# another structure because it names the person. NOT IN, since the index of types would be read for half the nation.
HELD = """
SELECT p.key, p.document FROM mailbox_search s JOIN publication p ON p.kind = 'mailbox' AND p.key = s.key
WHERE (s.type NOT IN ('ORG', 'APP') AND s.practitioners && %(practitioners)s::text[])
   OR (s.type NOT IN ('PER', 'CAB') AND s.organizations && %(organizations)s::text[])
LIMIT %(most)s
"""


class Published(NamedTuple):
    """A published document: the text to serve, and what it holds."""

    key: str
    text: str
    value: dict[str, Any]

    @classmethod
    def of(cls, key: str, text: str) -> Self:
        return cls(key, text, json.loads(text))


class Snapshot:
    """Reads of one moment: they belong together, and to its edition."""

    def __init__(self, moment: Pool) -> None:
        self.moment = moment
        self._edition: int | None = None

    async def edition(self) -> int:
        """Asked for only where nothing was read yet that tells it."""
        if self._edition is None:
            await self.documents("mailbox", None, [""])
        return self._edition or 0

    async def documents(self, kind: str, asked: str | None, ids: Collection[str]) -> list[Published]:
        """The resources that one of `ids` means; the key itself, `asked`, means its own resource alone."""
        if not ids:
            return []
        self._edition, documents = await by_ids_at(self.moment, kind, list(ids))
        found = [Published.of(key, text) for key, text in documents]
        return [each for each in found if each.key == asked] or found

    async def mailboxes(self, practitioners: Iterable[str], organizations: Iterable[str]) -> list[Published]:
        """The mailboxes of these persons, and those that these structures hold; one more than MOST_MAILBOXES at most.

        Not prepared: the best plan depends on how many a structure holds.
        """
        parameters = {
            "practitioners": list(practitioners),
            "organizations": list(organizations),
            "most": MOST_MAILBOXES + 1,
        }
        async with self.moment.connection() as connection:
            cursor = await connection.execute(HELD, parameters, prepare=False)
            return [Published.of(key, text) for key, text in await cursor.fetchall()]


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Snapshot]:
    """The directory as it is now, while it may go on changing."""
    async with at_one_moment(pool) as moment:
        yield Snapshot(moment)
