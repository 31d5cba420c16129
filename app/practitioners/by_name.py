"""The search for professionals by name, which forgives: what was typed first, then what is near it.

    whole names, words, beginnings ─► nobody, or few that begin so? ─► one edit away ─► still few? ─► alike in sound

How far the first page of a list went is in its cursor, so that every page belongs to the same list.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Composable, Composed

from app.paging import COUNTED, Position
from app.practitioners.near import Near, near
from app.practitioners.patterns import compared
from app.practitioners.readings import Reading
from app.publication.listing import Found, after_parameters, all_of, fetch
from app.publication.names import after_prefix
from app.publication.reading import Pool

_HERE = Path(__file__).parent
BY_NAME = (_HERE / "by_name.sql").read_text(encoding="utf-8")
BY_FAMILY = (_HERE / "by_family.sql").read_text(encoding="utf-8")
ORDER = ("level", "stage", "family_key", "given_key", "key")
# Where nobody has the words that were typed, and fewer than these have names that begin so, what is near is looked for
# too. Not else: whoever is meant must not drown in the names beside, nor the caller pay for seeing them.
WIDEN_BELOW = 10
WHOLE, WORDS = 0, 1
# What an item says, by the stage in which it was found.
MATCHES = ("exact", "exact", "prefix", "fuzzy", "phonetic")

# Names that go on after the text; not those in which it stands as whole words, which are listed before. One bound alone
# from below: beside a second one, PostgreSQL would begin at the lower of the two.
BEGINNINGS = """
  UNION ALL
  (SELECT 2, s.family_key, s.given_key, s.key FROM practitioner_search s
   WHERE (s.family_key, s.given_key, s.key) > (%({n}_family)s, %({n}_given)s, %({n}_key)s)
     AND s.family_key < %({n}_end)s AND {where}
     AND NOT (replace(s.family_key, ' ', '') = ANY (%(joined)s) OR s.family_key ~ ALL (%(words)s))
   ORDER BY s.family_key, s.given_key, s.key LIMIT %(rows)s)"""
# With those that are listed before: they are not counted there.
COUNTED_BEGINNINGS = """
    UNION ALL
    (SELECT FROM practitioner_search s
     WHERE s.family_key >= %({n}_begin)s AND s.family_key < %({n}_end)s AND {where} LIMIT %(counted)s)"""
# After every given name of a family.
LAST = "~"


class Level(IntEnum):
    """How far a search goes; each level holds the ones before."""

    AS_TYPED = 2
    EDITS = 3
    SOUNDS = 4


@dataclass(frozen=True)
class ByName:
    """A search for people whose name fits one of these readings, and whom the filters fit."""

    readings: Sequence[Reading]
    where: tuple[Composable, ...]
    parameters: Mapping[str, Any]

    async def page(self, pool: Pool, after: Position | None, limit: int) -> Found:
        """At most `limit` + 1 rows after a sort key."""
        if after is not None:
            level = Level(int(after[0]))
            nearby = await near(pool, self.readings) if level > Level.AS_TYPED else None
            return await fetch(pool, *self.statement(after, limit, level, nearby))
        found = await fetch(pool, *self.statement(None, limit))
        if found.count >= WIDEN_BELOW or (found.rows and self.is_exact(found.rows[0])):
            return found
        nearby = await near(pool, self.readings)
        for level, is_wider in ((Level.EDITS, nearby.edits), (Level.SOUNDS, nearby.sounds)):
            if is_wider and found.count < WIDEN_BELOW:
                found = await fetch(pool, *self.statement(None, limit, level, nearby))
        return found

    @staticmethod
    def is_exact(row: Sequence[Any]) -> bool:
        """Whether a row of a page was found by whole words alone."""
        return bool(row[3] <= WORDS)

    @staticmethod
    def is_whole(row: Sequence[Any]) -> bool:
        """Whether a row of a page was found because nothing but its whole name was typed, in either order."""
        return bool(row[3] == WHOLE)

    def statement(
        self, after: Position | None, limit: int, level: Level = Level.AS_TYPED, nearby: Near | None = None
    ) -> tuple[Composed, dict[str, Any]]:
        """The SQL of such a page, with its parameters."""
        parameters = {
            **self.parameters,
            **after_parameters(ORDER, after or (level, 0, "", "", "")),
            "readings": json.dumps(self._records(level, nearby)),
            "level": int(level),
            "matches": list(MATCHES),
            "rows": limit + 1,
            "counted": COUNTED + 1,
        }
        where = all_of(self.where)
        if len(self.readings) > 1 or self.readings[0].given:
            return SQL(BY_NAME).format(where=where), parameters
        return self._by_family(where, parameters)

    def _by_family(self, where: Composed, parameters: dict[str, Any]) -> tuple[Composed, dict[str, Any]]:
        typed = compared(self.readings[0])
        stage, *position = (parameters[f"after_{column}"] for column in ORDER[1:])
        beginnings, counted = Composed([]), Composed([])
        for n, family in enumerate(typed["families"]):
            whole = (family, LAST, "")
            after = max(whole, tuple(position)) if stage == Level.AS_TYPED else whole
            bounds = zip(
                ("family", "given", "key", "begin", "end"), (*after, family, after_prefix(family)), strict=True
            )
            parameters |= {f"{n}_{name}": value for name, value in bounds}
            counted += SQL(COUNTED_BEGINNINGS.replace("{n}", str(n))).format(where=where)
            if stage <= Level.AS_TYPED:
                beginnings += SQL(BEGINNINGS.replace("{n}", str(n))).format(where=where)
        statement = SQL(BY_FAMILY).format(where=where, beginnings=beginnings, counted_beginnings=counted)
        return statement, {**parameters, **{name: typed[name] for name in ("families", "joined", "words")}}

    def _records(self, level: Level, nearby: Near | None) -> list[dict[str, Any]]:
        """The readings as SQL takes them: what sounds alike stands in records of its own, which match nothing else."""
        records = [
            {"near_stage": int(Level.EDITS), **compared(each, nearby if level >= Level.EDITS else None)}
            for each in self.readings
        ]
        if level >= Level.SOUNDS:
            records += [
                {"near_stage": int(Level.SOUNDS), **compared(each, nearby, by_sound=True), "tokens": [], "families": []}
                for each in self.readings
            ]
        return [{"n": n, **record} for n, record in enumerate(records)]
