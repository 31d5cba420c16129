"""The checker of histories: nothing is wrong with what a true register did, and whatever is changed in that shows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.history import End, History, Write, contradicted, lost, read

RECORD = "a"


class Lived(NamedTuple):
    """A history of one record, as it truly was: the writes, those that took effect in order, and what is held then."""

    writes: list[Write]
    traces: list[str]
    held: dict[str, str | None]


@st.composite
def histories(draw: st.DrawFn) -> Lived:
    """Writers that overlap in any way; each write takes effect between its beginning and its end, or is refused.

    One whose answer was lost takes effect at any later moment, or never.
    """
    lines: list[dict[str, str]] = []
    traces: list[str] = []
    running: dict[str, bool] = {}
    orphans: list[str] = []
    for number in range(draw(st.integers(0, 16))):
        name = f"w{number}"
        step = draw(st.sampled_from(["begin", "effect", "end", "lose"]))
        if step == "begin" or not running:
            lines.append({"event": "invoked", "write": name, "record": RECORD, "value": name})
            running[name] = False
            continue
        one = draw(st.sampled_from(sorted(running)))
        if step == "effect" and not running[one]:
            running[one] = True
            traces.append(one)
        elif step == "end":
            lines.append({"event": "ok" if running.pop(one) else "failed", "write": one})
        elif step == "lose":
            lines.append({"event": "unknown", "write": one})
            if not running.pop(one):
                orphans.append(one)
        takes_effect: bool = draw(st.booleans())
        if orphans and takes_effect:
            traces.append(orphans.pop())
    writes = list(read(map(json.dumps, lines)))
    return Lived(writes, traces, {RECORD: traces[-1]} if traces else {})


@settings(max_examples=50)
@given(histories())
def test_nothing_is_wrong_with_what_truly_happened(lived: Lived) -> None:
    assert lost(lived.writes, lived.held) == []
    assert contradicted(lived.writes, {RECORD: lived.traces}) == []


@settings(max_examples=50)
@given(histories(), st.data())
def test_an_acknowledged_write_that_left_no_trace_is_found(lived: Lived, data: st.DataObject) -> None:
    acknowledged = [write.name for write in lived.writes if write.end == "ok"]
    if acknowledged:
        gone = data.draw(st.sampled_from(acknowledged))
        found = contradicted(lived.writes, {RECORD: [name for name in lived.traces if name != gone]})
        assert found == [f"{gone} was acknowledged and left no trace"]


@settings(max_examples=50)
@given(histories(), st.data())
def test_a_write_that_took_effect_twice_is_found(lived: Lived, data: st.DataObject) -> None:
    if lived.traces:
        again = data.draw(st.sampled_from(lived.traces))
        assert f"{again} took effect 2 times" in contradicted(lived.writes, {RECORD: [*lived.traces, again]})


@settings(max_examples=50)
@given(histories(), st.data())
def test_an_order_against_the_clock_is_found(lived: Lived, data: st.DataObject) -> None:
    known = {write.name: write for write in lived.writes}
    pairs = [
        (one, two)
        for place, one in enumerate(lived.traces)
        for two in lived.traces[place + 1 :]
        if known[one].is_before(known[two])
    ]
    if pairs:
        one, two = data.draw(st.sampled_from(pairs))
        turned = [{one: two, two: one}.get(name, name) for name in lived.traces]
        assert contradicted(lived.writes, {RECORD: turned}) != []


@settings(max_examples=50)
@given(histories(), st.data())
def test_a_record_that_went_back_is_found(lived: Lived, data: st.DataObject) -> None:
    """It holds what a write left before one that was acknowledged began, or what was there before all of them."""
    acknowledged = [write for write in lived.writes if write.end == "ok"]
    overtaken = [
        write.name
        for write in lived.writes
        if write.end == "failed" or any(write.is_before(later) for later in acknowledged)
    ]
    if acknowledged:
        value = data.draw(st.sampled_from([*overtaken, None]))
        assert lost(lived.writes, {RECORD: value}) == [RECORD]


@pytest.mark.parametrize(
    ("ends", "may_hold"),
    [
        (("ok", "ok"), {"w1"}),
        (("ok", "unknown"), {"w0", "w1"}),
        (("unknown", "ok"), {"w0", "w1"}),
        (("ok", "failed"), {"w0"}),
        (("unknown", "failed"), {"w0", "w1", None}),
    ],
)
def test_what_two_writes_one_after_the_other_may_leave(ends: Sequence[End], may_hold: set[str | None]) -> None:
    lines = []
    for number, end in enumerate(ends):
        lines.append({"event": "invoked", "write": f"w{number}", "record": RECORD, "value": f"w{number}"})
        lines.append({"event": end, "write": f"w{number}"})
    writes = list(read(map(json.dumps, lines)))
    assert {value for value in ("w0", "w1", None) if not lost(writes, {RECORD: value})} == may_hold


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    history.invoked("one", "a", "1")
    history.invoked("two", "b", None)
    history.ended("two", "failed")
    one, two = history.writes()
    assert (one.end, two.end, two.value) == ("unknown", "failed", None)
    assert not one.is_before(two)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    history.invoked("one", "a", "1")
    history.invoked("one", "a", "2")
    with pytest.raises(ValueError, match="twice"):
        history.writes()
