"""Persons are counted exactly, however many ask at once, in however many processes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.budgets import ledger as module
from app.budgets.ledger import Account, Charged, Ledger
from app.pools import counting_pool
from app.settings import Settings
from tests.budgets.conftest import a_ledger

Connection = psycopg.Connection[Any]
CALLER = Account("address:192.0.2.1", 5)


async def charged(ledger: Ledger, persons: Sequence[str], account: Account = CALLER, *, whole: bool = True) -> Charged:
    return await ledger.charge(account, persons, whole=whole)


def granted(answers: Sequence[Charged]) -> list[list[str]]:
    return [sorted(answer.granted) for answer in answers]


def test_a_person_costs_once(with_ledger: Any) -> None:
    async def look(ledger: Ledger) -> list[Charged]:
        return [await charged(ledger, persons) for persons in (["a", "b"], ["b"], ["b", "a", "b"], ["c"])]

    answers = with_ledger(look)
    assert granted(answers) == [["a", "b"], ["b"], ["a", "b"], ["c"]]
    assert [answer.standing.seen for answer in answers] == [2, 2, 2, 3]


def test_beyond_the_budget_nobody_new_is_shown_and_those_known_stay_free(with_ledger: Any) -> None:
    async def look(ledger: Ledger) -> list[Charged]:
        return [await charged(ledger, list(persons)) for persons in ("abcd", "def", "abcd", "e", "f", "ea")]

    answers = with_ledger(look)
    assert granted(answers) == [list("abcd"), ["d"], list("abcd"), ["e"], [], ["a", "e"]]
    assert answers[-1].standing.seen == 5


def test_in_parts_as_many_are_shown_as_the_budget_goes_to_in_order(with_ledger: Any, registry: Connection) -> None:
    async def look(ledger: Ledger) -> list[Charged]:
        await charged(ledger, ["z", "y"])
        return [await charged(ledger, list("azbycdx"), whole=False)]

    assert granted(with_ledger(look)) == [list("abcyz")]
    assert registry.execute("SELECT count(*) FROM disclosure").fetchone() == (5,)


def test_callers_do_not_share_a_budget(with_ledger: Any) -> None:
    async def look(ledger: Ledger) -> list[Charged]:
        return [
            await charged(ledger, list("abcde"), Account(name, 5))
            for name in ("address:192.0.2.1", "address:192.0.2.2", "key:aaaaaaaaaa")
        ]

    assert granted(with_ledger(look)) == [list("abcde")] * 3


def test_requests_in_parallel_and_in_several_processes_never_see_more_than_the_budget(
    small: Settings, registry: Connection
) -> None:
    """40 requests at once through two pools: exactly the budget is granted, and each person granted is counted."""

    async def race() -> list[Charged]:
        async with a_ledger(small) as one, a_ledger(small) as other:
            both = ((one, other) * 20, [f"person {number}" for number in range(40)])
            return await asyncio.gather(*(charged(ledger, [person]) for ledger, person in zip(*both, strict=True)))

    answers = asyncio.run(race())
    seen = {person for answer in answers for person in answer.granted}
    assert len(seen) == CALLER.budget
    assert registry.execute("SELECT count(*), (SELECT seen FROM disclosure_day) FROM disclosure").fetchone() == (5, 5)


def test_the_same_person_asked_for_in_parallel_costs_once(small: Settings) -> None:
    async def race() -> list[Charged]:
        async with a_ledger(small) as one, a_ledger(small) as other:
            return await asyncio.gather(*(charged(ledger, ["a", "b"]) for ledger in (one, other) * 10))

    assert {answer.standing.seen for answer in asyncio.run(race())} == {2}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.lists(st.sampled_from("abcdefgh"), max_size=6), st.booleans()), max_size=8), st.integers(1, 6)
)
def test_any_sequence_of_questions_is_counted_like_a_set(
    with_ledger: Any, registry: Connection, questions: list[tuple[list[str], bool]], budget: int
) -> None:
    registry.execute("TRUNCATE disclosure, disclosure_day")
    registry.commit()
    model: set[str] = set()

    async def look(ledger: Ledger) -> None:
        for persons, whole in questions:
            room = budget - len(model)
            fresh = list(dict.fromkeys(person for person in persons if person not in model))
            new = (fresh if len(fresh) <= room else []) if whole else fresh[:room]
            model.update(new)
            answer = await charged(ledger, persons, Account("key:aaaaaaaaaa", budget), whole=whole)
            assert set(answer.granted) == set(persons) & model
            assert answer.standing.seen == len(model)

    with_ledger(look)


def test_who_comes_again_costs_no_statement(small: Settings) -> None:
    """With the database gone, those already seen are still shown, and nobody else is."""

    async def look() -> tuple[Charged, Charged]:
        pool = counting_pool(small)
        await pool.open()
        ledger = Ledger(pool, small.key_pepper)
        first = await charged(ledger, ["a", "b"])
        await pool.close()
        again = await charged(ledger, ["b", "a"])
        with pytest.raises(psycopg.OperationalError):
            await charged(ledger, ["c"])
        return first, again

    first, again = asyncio.run(look())
    assert first.granted == again.granted == {"a", "b"}


def test_counts_survive_the_process(with_ledger: Any) -> None:
    with_ledger(lambda ledger: charged(ledger, list("abcde")))
    later = with_ledger(lambda ledger: charged(ledger, list("abcdef"), whole=False))
    assert later.granted == set("abcde")
    assert later.standing.seen == 5


def test_what_is_not_remembered_is_asked_again(with_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)

    async def look(ledger: Ledger) -> list[Charged]:
        answers = [await charged(ledger, [person]) for person in "abcdeabcdef"]
        assert len(ledger._day.pairs) == 2
        return answers

    assert granted(with_ledger(look)) == [[person] for person in "abcdeabcde"] + [[]]


def test_a_new_day_is_a_new_budget(small: Settings, registry: Connection) -> None:
    """The database says which day it is; what the process remembers ends with it."""
    clock = [0.0]

    async def look() -> list[Charged]:
        pool = counting_pool(small)
        await pool.open()
        ledger = Ledger(pool, small.key_pepper, clock=lambda: clock[0])
        answers = [await charged(ledger, list("abcde")), await charged(ledger, ["f"])]
        registry.execute("UPDATE disclosure SET day = day - 1")
        registry.execute("UPDATE disclosure_day SET day = day - 1")
        registry.commit()
        answers.append(await charged(ledger, ["a"]))  # still remembered: the process has not heard of a new day
        clock[0] += answers[0].standing.ends + 1
        answers += [await charged(ledger, [person]) for person in "abcdefg"]
        await pool.close()
        return answers

    first, refused, remembered, *next_day = asyncio.run(look())
    assert granted([first, refused, remembered]) == [list("abcde"), [], ["a"]]
    assert granted(next_day) == [["a"], ["b"], ["c"], ["d"], ["e"], [], []]
    assert [answer.standing.seen for answer in next_day] == [1, 2, 3, 4, 5, 5, 5]


def test_an_answer_that_comes_after_midnight_does_not_make_anybody_free(small: Settings) -> None:
    """A slow answer of yesterday must not be taken for one of today."""

    async def look() -> list[str]:
        async with a_ledger(small) as ledger:
            await charged(ledger, ["a"])
            today = ledger._day
            yesterday = type(today)(today.date.replace(year=today.date.year - 1), today.until)
            ledger._remember(CALLER.caller, ["late"], yesterday, 4)
            return [person for _, person in ledger._day.pairs]

    assert asyncio.run(look()) == ["a"]


def test_the_day_ends_at_midnight_in_france(with_ledger: Any, registry: Connection) -> None:
    answer = with_ledger(lambda ledger: charged(ledger, ["a"]))
    end = registry.execute(
        "SELECT (now() AT TIME ZONE 'Europe/Paris')::date = (SELECT day FROM disclosure_day), to_char("
        " (now() + make_interval(secs => %s)) AT TIME ZONE 'Europe/Paris', 'HH24:MI')",
        (answer.standing.ends,),
    ).fetchone()
    assert end is not None
    assert end[0]
    assert end[1] in {"00:00", "23:59", "00:01"}


def test_the_table_tells_nobody_who_looked_for_whom(with_ledger: Any, registry: Connection) -> None:
    with_ledger(lambda ledger: charged(ledger, ["899900000060", "anne.exemple@ch-exemple.mssante.fr"]))
    dump = str(registry.execute("SELECT d::text, person FROM disclosure d").fetchall())
    assert "192.0.2.1" not in dump
    assert not any(word in dump for word in ("89990", b"89990".hex(), "anne", b"anne".hex()))


def test_where_a_caller_stands_is_asked_of_the_database(with_ledger: Any) -> None:
    async def look(ledger: Ledger) -> list[Any]:
        before = await ledger.standing(CALLER.caller)
        await charged(ledger, ["a", "b"])
        return [before.seen, (await ledger.standing(CALLER.caller)).seen, ledger.remembered("address:192.0.2.9")]

    assert with_ledger(look) == [0, 2, None]
