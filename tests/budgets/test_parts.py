"""Who is seen in a document, who counts as one caller, and how a bucket fills."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budgets import rate
from app.budgets.allowance import neighbourhood
from app.budgets.charging import persons_in
from app.budgets.rate import Rates

TEXT = st.text() | st.sampled_from(['"national_id":"8999"', '\\","national_id":"8999', "national_id"])


def holder(national_id: str | None, name: str) -> dict[str, Any]:
    return {
        "family": name,
        "given": name,
        "national_id": national_id,
        "rpps": None,
        "specialties": [name],
        "title": name,
    }


@given(st.lists(st.none() | st.integers(10**11, 10**12 - 1).map(str), max_size=4), TEXT)
def test_the_persons_of_a_mailbox_are_those_it_names_whatever_else_it_says(ids: list[str | None], text: str) -> None:
    document = {
        "address": "a@b.fr",
        "attachments": [
            {"organization": {"id": text, "name": text}, "practitioner": holder(each, text)} for each in ids
        ],
        "description": text,
        "practitioner": holder(ids[0], text) if ids else None,
        "service": text,
    }
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    assert persons_in("mailbox", "a@b.fr", written) == ({each for each in ids if each} or {"a@b.fr"})


def test_a_professional_is_one_person_and_a_structure_nobody() -> None:
    assert persons_in("practitioner", "899900000060", "{}") == {"899900000060"}
    assert persons_in("organization", "1990000010", '{"national_ids":["1990000010"]}') == frozenset()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8::1", "2001:DB8:0:0:0:0:0:2"),
        ("2001:db8:0:ff::1", "2001:db8:0:1::1"),
        (None, None),
    ],
)
def test_one_caller_is_one_however_it_is_written(one: str | None, other: str | None) -> None:
    assert neighbourhood(one) == neighbourhood(other)


def test_others_are_others() -> None:
    addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:100::1", "testclient", None, "::1", "127.0.0.1"]
    assert len({neighbourhood(address) for address in addresses}) == len(addresses)


def test_a_bucket_takes_a_burst_and_fills_in_a_minute() -> None:
    now = [0.0]
    rates = Rates(clock=lambda: now[0])
    assert [rates.take("a", 3).left for _ in range(3)] == [2, 1, 0]
    assert rates.take("a", 3).wait == pytest.approx(20)
    now[0] = 19.9
    assert rates.take("a", 3).wait == pytest.approx(0.1)
    now[0] = 20
    assert rates.take("a", 3).wait == 0
    assert rates.take("a", 3).wait > 0
    now[0] = 1_000
    assert [rates.take("a", 3).left for _ in range(3)] == [2, 1, 0]
    assert rates.take("b", 3).left == 2


@given(st.integers(1, 5_000), st.lists(st.floats(0, 30), max_size=40))
def test_a_bucket_lets_through_a_burst_and_its_rate_and_no_more(a_minute: int, pauses: list[float]) -> None:
    now, passed = 0.0, 0
    rates = Rates(clock=lambda: now)
    for pause in pauses:
        now += pause
        passed += sum(rates.take("a", a_minute).wait == 0 for _ in range(20))
        assert passed <= a_minute + now * a_minute / rate.WINDOW + 1


def test_callers_beyond_those_remembered_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MOST_CALLERS", 2)
    rates = Rates(clock=lambda: 0.0)
    assert [rates.take(caller, 5).left for caller in "aabbcca"] == [4, 3, 4, 3, 4, 3, 4]
    assert len(rates._empty_until) == 2


@given(st.integers(1, 5_000), st.lists(st.floats(0, 30), max_size=40))
def test_to_look_takes_nothing_and_says_what_taking_would(a_minute: int, pauses: list[float]) -> None:
    now = 1_000.0
    rates = Rates(clock=lambda: now)
    for pause in pauses:
        now += pause
        for _ in range(20):
            assert rates.wait("a", a_minute) == pytest.approx(rates.wait("a", a_minute))
            assert (rates.wait("a", a_minute) > 0) == (rates.take("a", a_minute).wait > 0)
