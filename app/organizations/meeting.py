"""Where frequent words meet: labels that hold all of them, found by leaps instead of one by one.

Labels are in one order under every word. From a label of the rarest word that lacks another one, the search leaps to
the next label under that other word: what lies between holds not both. Names that begin alike stand together, so leaps
are long just where words seldom meet.
"""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed, Literal

from app.organizations.words import TOWN, Terms, within, word_of

# Labels that one page leaps to.
LEAPS = 200

# `bound` ends one space before a label that is to be looked at: nothing sorts between the two.
LEAPING = """
WITH RECURSIVE leap AS (
  SELECT {start} COLLATE "C" AS bound, NULL::text COLLATE "C" AS met, 0 AS number
  UNION ALL
  SELECT s.bound COLLATE "C", s.met COLLATE "C", l.number + 1
  FROM leap l CROSS JOIN LATERAL ({rarest}) c CROSS JOIN LATERAL ({step}) s
  WHERE l.number < {leaps}
)
"""
MET = """
SELECT m.label, m.key FROM (
  {leaping} SELECT l.met AS label, k.key FROM leap l CROSS JOIN LATERAL ({keys}) k WHERE l.met IS NOT NULL) m
WHERE {on} ORDER BY m.label, m.key
"""
LEFT_OFF = "{leaping} SELECT l.bound AS label, '~' AS key FROM leap l WHERE l.number = {leaps}"
# After the last structure of a page its label is looked at again, for others may have the same; where leaps ended, not.
GOES_ON = "CASE WHEN %(posted_key)s = '~' THEN %(posted_label)s::text ELSE rtrim(%(posted_label)s::text) END"
NEXT = "(SELECT x.label FROM structure_posting x WHERE x.word = {} AND x.label > {} ORDER BY x.label LIMIT 1)"
KEYS = "SELECT x.key FROM structure_posting x WHERE x.word = {} AND x.label = l.met"
FOUND = "SELECT c.label AS bound, CASE WHEN {} THEN c.label END AS met WHERE {}"
MISSED = "SELECT rtrim(n.label) AS bound, NULL::text AS met FROM ({}) n WHERE {}"
ON = SQL("(m.label, m.key) > (%(posted_label)s, %(posted_key)s)")


def met(words: Sequence[Terms], rarest: Terms, *, goes_on: bool) -> Composed:
    """Structures (label, key) that hold every word, in order; from the position of the cursor where it `goes_on`."""
    # Each label once is enough: the terms of one word in it lead to the same structures.
    keys = SQL(" UNION ").join(SQL(KEYS).format(word_of(term)) for term in rarest)
    leaping = _leaping(words, rarest, goes_on=goes_on)
    return SQL(MET).format(leaping=leaping, keys=keys, on=ON if goes_on else SQL("true"))


def left_off(words: Sequence[Terms], rarest: Terms, *, goes_on: bool) -> Composed:
    """Where the leaps of a page ended, as a position after which to go on; no row where they reached the end."""
    return SQL(LEFT_OFF).format(leaping=_leaping(words, rarest, goes_on=goes_on), leaps=Literal(LEAPS))


def _leaping(words: Sequence[Terms], rarest: Terms, *, goes_on: bool) -> Composed:
    return SQL(LEAPING).format(
        start=SQL(GOES_ON if goes_on else "''::text"),
        rarest=_next(rarest, "l.bound"),
        step=_step(sorted(words, key=lambda terms: sum(terms.values()))),
        leaps=Literal(LEAPS),
    )


def _step(words: Sequence[Terms]) -> Composed:
    """From a label of the rarest word: it is found, or the next one of the first word that it lacks is looked at."""
    holds = [SQL("({})").format(SQL(" OR ").join(map(_stands, terms))) for terms in words]
    named = [_stands(term) for terms in words for term in terms if not term.startswith(TOWN)]
    steps = [SQL(FOUND).format(SQL(" OR ").join(named or [SQL("false")]), SQL(" AND ").join(holds))]
    for at, terms in enumerate(words):
        lacks = SQL(" AND ").join([*holds[:at], SQL("NOT {}").format(holds[at])])
        steps.append(SQL(MISSED).format(_next(terms, "c.label"), lacks))
    return SQL(" UNION ALL ").join(steps)


def _next(terms: Terms, after: str) -> Composed:
    each = [SQL(NEXT).format(word_of(term), SQL(after)) for term in terms]
    return SQL("SELECT y.label FROM ({}) y ORDER BY y.label LIMIT 1").format(SQL(" UNION ALL ").join(each))


def _stands(term: str) -> Composable:
    return SQL("strpos(c.label, {}) > 0").format(within(term))
