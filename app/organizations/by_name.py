"""The search for structures by name.

    stage  what fits                                                            match
    0      a name that is what was asked                                        exact
    1      a name that begins with it                                           prefix
    2      every word stands in the names or in the town, one in the names      prefix
    3      the same, each word with at most one slip; only where FEW were found fuzzy

Stages 2 and 3 read the postings of one word, the rarest, in the order of the page, and look for the others in the label
that each posting carries. No page reads more than WINDOW of them: a page that ends there is short, and goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Literal

from app.organizations.meeting import left_off, met
from app.organizations.words import TOWN, Asked, Terms, asked_words, bound, look_up, within, word_of
from app.paging import Position
from app.publication.listing import Found, after_parameters, all_of, fetch
from app.publication.moment import at_one_moment
from app.publication.names import after_prefix
from app.publication.reading import Pool

BY_NAME = (Path(__file__).parent / "by_name.sql").read_text(encoding="utf-8")
ORDER = ("last", "stage", "place", "key")
FIRST: Position = (0, 0, "", "")
WORDED, NEAR = 2, 3
# Where more than these fit exactly, nobody is asked whether something else was meant.
FEW = 10
# Postings that one page reads, and structures that are counted: what keeps any question below 15 ms.
WINDOW, COUNTED = 5_000, 1_000

BEGINS = SQL("s.name_key >= %(name)s AND s.name_key < %(after_name)s")
# Few names of one structure, found by its key whatever the planner believes of the names (hence `OFFSET 0`).
FIRST_OF_ITS_NAMES = SQL("""NOT EXISTS (
  SELECT FROM (SELECT x.name_key FROM organization_search x WHERE x.key = s.key OFFSET 0) o
  WHERE o.name_key >= %(name)s AND o.name_key < s.name_key)""")
NOT_BEGUN = SQL("""NOT EXISTS (
  SELECT FROM (SELECT x.name_key FROM organization_search x WHERE x.key = p.key OFFSET 0) o
  WHERE o.name_key >= %(name)s AND o.name_key < %(after_name)s)""")
FITS = "EXISTS (SELECT FROM (SELECT * FROM organization_search x WHERE x.key = p.key AND x.main OFFSET 0) s WHERE {})"
POSTINGS = "SELECT x.label, x.key FROM structure_posting x WHERE x.word = {} AND {}"
AFTER = SQL("(x.label, x.key) > (%(posted_label)s, %(posted_key)s)")
IN_ORDER = "SELECT u.label, u.key FROM ({}) u ORDER BY u.label, u.key LIMIT {}"
# Where the share of a page ends.
END = """
SELECT 0, 0, '', NULL, %(last)s::int, %(last)s::int, e.label, e.key FROM (SELECT 1) one LEFT JOIN ({}) e ON true
"""
WINDOW_END = "SELECT u.label, u.key FROM ({}) u ORDER BY u.label, u.key OFFSET {} LIMIT 1"
NONE = SQL("SELECT ''::text AS label, ''::text AS key WHERE false")
NEVER, ALWAYS = SQL("false"), SQL("true")


@dataclass(frozen=True)
class ByName:
    """Structures by a folded name that also pass filters. `rare`: terms that every structure that passes them holds."""

    name: str
    filters: tuple[Composable, ...]
    parameters: Mapping[str, Any]
    rare: tuple[str, ...] = ()

    async def page(self, pool: Pool, after: Position | None, limit: int) -> Found:
        """At most `limit` + 1 structures after a sort key; fewer with a `resume` where the window ended before."""
        async with at_one_moment(pool) as moment:
            words = asked_words(self.name)
            found = await look_up(moment, [*words, *self.rare])
            reading = Reading.of(found[: len(words)], found[len(words) :])
            page = await fetch(moment, *self.statement(reading, after or FIRST, limit))
            return await self._ended(moment, reading, page, after or FIRST, limit)

    def statement(self, reading: "Reading", after: Position, limit: int) -> tuple[Composed, dict[str, Any]]:
        """The SQL of such a page, with its parameters."""
        fits = SQL(FITS).format(all_of(self.filters)) if self.filters else ALWAYS
        holds, nearly_holds = (_holds([getattr(each, how) for each in reading.asked]) for how in ("same", "any"))
        is_near, is_first = after[1] == NEAR, after == FIRST
        # What was counted is read again where a stage begins anew; where it goes on, the postings are.
        nearly = [nearly_holds, SQL("NOT ({})").format(holds), NOT_BEGUN, fits]
        statement = SQL(BY_NAME).format(
            begins=BEGINS,
            first_of_its_names=FIRST_OF_ITS_NAMES,
            not_begun=NOT_BEGUN,
            filters=all_of(self.filters),
            fits=fits,
            holds=holds,
            nearly_holds=nearly_holds,
            words_all=reading.source(WORDED),
            words_on=(
                SQL("SELECT * FROM held ORDER BY label, key")
                if is_first
                else reading.source(WORDED, goes_on=after[1] == WORDED)
            ),
            holds_on=ALWAYS if is_first else all_of([holds, fits]),
            near_all=reading.source(NEAR),
            near_on=reading.source(NEAR, goes_on=True) if is_near else SQL("SELECT * FROM nearly_held"),
            nearly_holds_on=all_of(nearly) if is_near else ALWAYS,
        )
        return statement, {**self._parameters(reading, after, limit), "may_be_near": reading.may_be_near}

    def _parameters(self, reading: "Reading", after: Position, limit: int) -> dict[str, Any]:
        return {
            **self.parameters,
            **bound(reading.terms),
            **after_parameters(ORDER, after),
            "posted_label": after[2],
            "posted_key": after[3],
            # A scan of an index begins at this pair, whatever bounds stand beside it.
            "begun_name": self.name if after == FIRST else after[2],
            "begun_key": after[3],
            "name": self.name,
            "after_name": after_prefix(self.name),
            "rows": limit + 1,
            "counted": COUNTED + 1,
            "few": FEW,
        }

    async def _ended(self, moment: Pool, reading: "Reading", page: Found, after: Position, limit: int) -> Found:
        """The page with what is known of its end: where to go on when it is short, and whether the total is known."""
        decided = page.rows[0][2] if page.rows else after[0] or (NEAR if reading.may_be_near else WORDED)
        last = NEAR if decided == NEAR else WORDED
        whole = replace(page, counted=COUNTED)
        if sum((reading.near if last == NEAR else reading.words).values()) <= WINDOW:
            return whole
        part = whole if page.count > COUNTED else replace(page, counted=page.count, count=page.count + 1)
        if len(page.rows) > limit:
            return part
        goes_on = after[1] == last
        statement = SQL(END).format(reading.end(last, goes_on=goes_on))
        end = await fetch(moment, statement, {**self._parameters(reading, after, limit), "last": last})
        position = tuple(end.rows[0][2:])
        if position[-1] is None:
            return part if goes_on else whole
        return replace(part, resume=position)


@dataclass(frozen=True)
class Reading:
    """What is asked for, word by word, and the terms whose postings are read: those of the rarest word."""

    asked: Sequence[Asked]
    words: Terms
    near: Terms

    @classmethod
    def of(cls, asked: Sequence[Asked], filters: Sequence[Asked] = ()) -> "Reading":
        """Empty terms = nothing is to be read. A single word must stand in a name: towns alone are no answer."""
        if len(asked) == 1:
            asked = [_in_names(asked[0])]
        towns = [{term: holders for term, holders in each.same.items() if term.startswith(TOWN)} for each in filters]
        return cls(
            asked,
            _rarest([each.same for each in asked], towns),
            _rarest([each.any for each in asked], towns) if any(each.near for each in asked) else {},
        )

    def source(self, stage: int, *, goes_on: bool = False) -> Composable:
        """Structures among which those of a stage are, in order: what one page reads of them."""
        rarest, words = self._of(stage)
        if not rarest:
            return NONE
        if self._leaps(rarest):
            return met(words, rarest, goes_on=goes_on)
        return SQL(IN_ORDER).format(_union(rarest, AFTER if goes_on else ALWAYS), Literal(WINDOW))

    def end(self, stage: int, *, goes_on: bool) -> Composable:
        """Where that ends before the last of them; else no row."""
        rarest, words = self._of(stage)
        if self._leaps(rarest):
            return left_off(words, rarest, goes_on=goes_on)
        return SQL(WINDOW_END).format(_union(rarest, AFTER if goes_on else ALWAYS), Literal(WINDOW - 1))

    def _of(self, stage: int) -> tuple[Terms, Sequence[Terms]]:
        if stage == NEAR:
            return self.near, [each.any for each in self.asked]
        return self.words, [each.same for each in self.asked]

    def _leaps(self, rarest: Terms) -> bool:
        return len(self.asked) > 1 and sum(rarest.values()) > WINDOW

    @property
    def terms(self) -> set[str]:
        """Every term that the statements name."""
        return {term for each in self.asked for term in each.any} | {*self.words, *self.near}

    @property
    def may_be_near(self) -> bool:
        """Words that so many hold are not misspelt."""
        return bool(self.near) and sum(self.words.values()) <= WINDOW


def _in_names(asked: Asked) -> Asked:
    kept = [{t: n for t, n in terms.items() if not t.startswith(TOWN)} for terms in (asked.same, asked.near)]
    return Asked(asked.word, *kept)


def _rarest(words: Sequence[Terms], towns: Sequence[Terms]) -> Terms:
    """The terms of the word with the fewest structures; none where a word stands nowhere, or nothing is asked."""
    if not words or not all(words) or not all(towns):
        return {}
    return min([*words, *towns], key=lambda terms: sum(terms.values()))


def _union(terms: Terms, on: Composable) -> Composed:
    """Postings of these terms, each structure once: of the first of them that its label holds."""
    held: list[str] = []
    parts = []
    for term in terms:
        others = [SQL("NOT {}").format(_stands("x", other)) for other in held]
        parts.append(SQL(POSTINGS).format(word_of(term), all_of([on, *others])))
        held.append(term)
    return SQL(" UNION ALL ").join(parts)


def _holds(words: Sequence[Terms]) -> Composed:
    """That a label holds every word, one of them in a name."""
    if not words or not all(words):
        return SQL("({})").format(NEVER)
    each = [SQL("({})").format(SQL(" OR ").join(_stands("p", term) for term in terms)) for terms in words]
    named = [_stands("p", term) for terms in words for term in terms if not term.startswith(TOWN)]
    return all_of([*each, SQL("({})").format(SQL(" OR ").join(named)) if named else NEVER])


def _stands(table: str, term: str) -> Composed:
    return SQL("strpos({}.label, {}) > 0").format(SQL(table), within(term))
