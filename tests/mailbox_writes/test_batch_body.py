"""The lines of a batch, whatever is sent: every line is one result, and nothing raises but our own problems."""

import json
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mailboxes import report
from app.mailboxes.batch_body import LONGEST_LINE, Body, Line, line_count, lines
from app.mailboxes.strict_json import elements, parse
from app.mailboxes.wish import Wish
from app.problems import Problem, UnreadableRequest

GOOD = json.dumps(
    {
        "operation": "put",
        "address": "anne@ch-exemple.mssante.fr",
        "type": "PER",
        "practitioner": "99900000060",
        "rank": 1,
    }
).encode()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
NAMES = st.sampled_from(
    ["operation", "address", "type", "practitioner", "rank", "liste_rouge", "state", "if_match", "successor", "x"]
)
OBJECTS = st.dictionaries(NAMES, VALUES | st.sampled_from(["put", "patch", "delete", "PER", "a@b.fr"]))


def body(content: bytes, *, is_ndjson: bool = True) -> Body:
    file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile()  # noqa: SIM115 - closed by who reads it
    file.write(content)
    return Body(file, b"", is_ndjson)


def read(content: bytes, *, is_ndjson: bool = True) -> list[Line]:
    given_body = body(content, is_ndjson=is_ndjson)
    with given_body.file:
        found = list(lines(given_body))
        assert line_count(given_body) == len(found)
    return found


def check(found: list[Line]) -> None:
    """Every line can be told, as JSON that any program reads."""
    for line in found:
        assert isinstance(line.wish, Wish | Problem)
        told = report.done(line, 201) if isinstance(line.wish, Wish) else report.refused(line, line.wish)
        assert json.loads(told.encode())["line"] == line.number


@given(st.lists(st.binary(max_size=80)))
def test_any_bytes_are_lines(chunks: list[bytes]) -> None:
    content = b"\n".join(chunks)
    found = read(content)
    check(found)
    physical = [number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    assert [line.number for line in found] == physical


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_line_with_other_bytes_in_it_spoils_no_other(place: int, change: bytes) -> None:
    mutated = (GOOD[:place] + change + GOOD[place + len(change) :]).replace(b"\n", b" ")
    found = read(b"\n".join([GOOD, mutated, GOOD]))
    check(found)
    assert [line.number for line in found] == [1, 2, 3]
    assert isinstance(found[0].wish, Wish)
    assert found[0].wish == found[2].wish


@given(st.integers(0, 3 * len(GOOD) + 2))
def test_a_body_cut_short_has_the_lines_that_are_whole(end: int) -> None:
    content = b"\n".join([GOOD] * 3)[:end]
    found = read(content)
    check(found)
    whole = [line for line in found if isinstance(line.wish, Wish) and line.wish.fault is None]
    assert len(whole) == sum(end >= each for each in (len(GOOD), 2 * len(GOOD) + 1, 3 * len(GOOD) + 2))


@given(st.lists(OBJECTS | VALUES, max_size=5))
def test_both_forms_say_the_same(values: list[Any]) -> None:
    texts = [json.dumps(value) for value in values]
    as_lines = read("\n".join(texts).encode())
    as_document = read(f'{{ "items" : [{" , ".join(texts)}]\n}}'.encode(), is_ndjson=False)
    check(as_lines)
    assert [_comparable(line) for line in as_lines] == [_comparable(line) for line in as_document]


def _comparable(line: Line) -> Any:
    wish = line.wish
    fault = wish if isinstance(wish, Problem) else wish.fault
    shown = None if isinstance(wish, Problem) else (wish.operation, wish.address, wish.body, wish.successor)
    return line.number, line.address, shown, fault and (fault.code, fault.detail)


@given(st.binary(max_size=200))
def test_a_document_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    given_body = body(content, is_ndjson=False)
    with given_body.file:
        try:
            found = list(lines(given_body))
        except UnreadableRequest:
            return
    check(found)


@given(VALUES)
def test_json_is_read_as_others_read_it(value: Any) -> None:
    text = json.dumps(value)
    assert parse(text.encode()) == json.loads(text)
    assert list(elements(f'{{"items":[{text},{text}]}}'.encode(), "items")) == [json.loads(text)] * 2


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '[{"a":{"b":1,"b":2}}]',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1 2",
        "",
        "\ufeff1",
        "1" * 5_000,
        "[" * 99_999,
    ],
)
def test_what_two_readers_could_take_differently_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRequest):
        parse(text.encode())


def test_a_line_too_long_is_one_line() -> None:
    found = read(b"\n".join([b"{" + b" " * 3 * LONGEST_LINE + b"}", GOOD]))
    assert isinstance(found[0].wish, UnreadableRequest)
    assert (len(found), found[1].number) == (2, 2)
