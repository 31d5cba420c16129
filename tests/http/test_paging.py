"""Cursors: what was sealed opens again, and nothing else does."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from app.paging import WHOLE, Cursors, Total, decode, encode, page_body, with_member
from app.problems import CursorInvalid
from app.publication.feed import FeedCursors

NUMBER = TypeAdapter(Annotated[int, Field(strict=True), WHOLE])
CURSORS = Cursors(SecretStr("pepper"))
ELSEWHERE = Cursors(SecretStr("another pepper"))
POSITIONS = st.lists(st.one_of(st.text(), st.integers(-(2**53), 2**53)), max_size=4).map(tuple)


@given(st.text(), POSITIONS)
def test_a_cursor_opens_to_the_position_it_was_sealed_with(binding: str, position: tuple[str | int, ...]) -> None:
    assert CURSORS.open(binding, CURSORS.seal(binding, position)) == position


@given(st.text(), st.text(), POSITIONS)
def test_a_cursor_does_not_open_for_another_question(one: str, other: str, position: tuple[str | int, ...]) -> None:
    if one != other:
        with pytest.raises(CursorInvalid):
            CURSORS.open(other, CURSORS.seal(one, position))
    with pytest.raises(CursorInvalid):
        ELSEWHERE.open(one, CURSORS.seal(one, position))


def test_a_cursor_outlives_a_change_of_the_pepper_that_names_the_former_one() -> None:
    changed = Cursors(SecretStr("another pepper"), SecretStr("pepper"))
    assert changed.open("q", CURSORS.seal("q", (1,))) == (1,)
    assert changed.seal("q", (1,)) == ELSEWHERE.seal("q", (1,))
    assert FeedCursors(changed).open(FeedCursors(CURSORS).seal("epoch", 7)).is_ours


@pytest.mark.parametrize("size", range(1, 16))
def test_a_seal_cut_short_is_none(size: int) -> None:
    with pytest.raises(CursorInvalid):
        CURSORS.open("q", encode(CURSORS.sign("q", b"")[:size]))


@given(POSITIONS, st.integers(0, 10_000), st.characters())
def test_an_altered_cursor_does_not_open(position: tuple[str | int, ...], place: int, letter: str) -> None:
    cursor = CURSORS.seal("q", position)
    at = place % len(cursor)
    altered = cursor[:at] + letter + cursor[at + 1 :]
    if altered != cursor:
        with pytest.raises(CursorInvalid):
            CURSORS.open("q", altered)


@given(st.binary(min_size=1))
def test_bytes_have_one_spelling(token: bytes) -> None:
    text = encode(token)
    assert decode(text) == token
    for other in (text + "=", text + " ", " " + text, text + "\n"):
        with pytest.raises(CursorInvalid):
            decode(other)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        CURSORS.open("q", text)


@given(st.from_regex(r"[0-9a-f:-]{1,40}", fullmatch=True), st.integers(0, 2**62), st.integers(0, 10_000))
def test_a_feed_cursor_is_ours_foreign_or_garbage(epoch: str, sequence: int, place: int) -> None:
    ours, theirs = FeedCursors(CURSORS), FeedCursors(ELSEWHERE)
    cursor = ours.seal(epoch, sequence)
    opened = ours.open(cursor)
    assert (opened.epoch, opened.sequence, opened.is_ours) == (epoch, sequence, True)
    assert theirs.open(cursor) == (epoch, 0, False)
    at = place % len(cursor)
    altered = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
    with pytest.raises(CursorInvalid):
        ours.open(altered)


@pytest.mark.parametrize("given", [5, 5.0])
def test_whole_numbers_are_those_of_a_json_schema(given: float) -> None:
    number = NUMBER.validate_python(given)
    assert (number, type(number)) == (5, int)


@pytest.mark.parametrize("given", [True, False, "5", 5.5, float("inf"), float("nan"), None])
def test_what_only_looks_like_a_whole_number_is_none(given: object) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(given)


def test_a_body_says_when_its_total_is_not_exact() -> None:
    assert page_body(['{"a":1}', "{}"], "c", Total.of(10_001), 7) == (
        b'{"items":[{"a":1},{}],"next":"c","total":{"value":10000,"exact":false},"edition":7}'
    )


def test_a_member_is_added_at_the_end() -> None:
    assert with_member('{"a":1}', "match", "exact") == '{"a":1,"match":"exact"}'
