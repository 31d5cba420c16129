"""The next day's file, read only where it differs, gives what the whole file gives."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.imports.known import KnownLines, LineOrder, as_number, digest
from app.sandbox.generate import generate
from tests.imports import state
from tests.imports.sources.loader import Row, clear, file_of, load, load_file, published
from tests.imports.sources.rows import ANNE, BRUNO, a_practice, an_activity
from tests.imports.sources.test_order import ROWS, of

Connection = psycopg.Connection[Any]
Files = dict[str, bytes]
NAMES = ("personne_activite", "savoir_faire", "mssante")
KEPT = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'import_kept'"
STAGED = "SELECT staged FROM import_run ORDER BY number DESC LIMIT 1"


def crash(connection: Connection) -> None:
    """Leave the kept lines as a crash of PostgreSQL does: unlogged tables are empty, all of them."""
    tables = [name for (name,) in connection.execute(KEPT).fetchall()]
    assert "import_kept.whole" in tables
    connection.execute(f"TRUNCATE {', '.join(tables)}".encode())


def load_all(connection: Connection, files: Files) -> list[str | None]:
    return [load_file(connection, name, files[name]).mode for name in NAMES if name in files]


def said(connection: Connection) -> tuple[state.Content, dict[tuple[str, str], bytes]]:
    return state.registry(connection), published(connection)


def alone(content: state.Content) -> state.Content:
    """A registry without what remembers earlier days on purpose: people who left, mailboxes withdrawn, anchors."""
    rows = {table: [(text, json.loads(text)) for text in counted.elements()] for table, counted in content.items()}
    withdrawn = {row["address"] for _, row in rows["mailbox"] if row["state"] == "withdrawn"}
    kept = {
        table: Counter(text for text, row in found if row.get("address") not in withdrawn)
        for table, found in rows.items()
    }
    kept["practitioner"] = Counter(text for text, row in rows["practitioner"] if row["register_state"] == "active")
    return kept | {"organization": Counter()}


def assert_delta_is_full(connection: Connection, first: Files, second: Files) -> None:
    """Load both days as deltas, after a crash, and the second alone."""
    clear(connection)
    load_all(connection, first)
    published(connection)
    assert set(load_all(connection, second)) == {"delta"}
    by_delta, shown = said(connection)

    clear(connection)
    load_all(connection, first)
    published(connection)
    crash(connection)
    assert "delta" not in load_all(connection, second)
    after_crash, shown_after_crash = said(connection)
    assert state.differences(by_delta, after_crash) == {}
    assert shown == shown_after_crash

    clear(connection)
    load_all(connection, second)
    assert state.differences(alone(by_delta), alone(state.registry(connection))) == {}


def some_rows(name: str) -> st.SearchStrategy[Row]:
    labelled = st.fixed_dictionaries({"profession": of("10", "ZZ"), "profession_label": of("", "Un", "Deux")})
    return st.builds(lambda row, label: row | label, ROWS[name], labelled)


EDITS = of("drop", "copy", "move", "new")
DAYS = st.fixed_dictionaries(
    {
        name: st.tuples(
            st.lists(some_rows(name), min_size=1, max_size=6),
            st.lists(st.tuples(EDITS, st.integers(0, 9), some_rows(name)), max_size=4),
        )
        for name in NAMES
    }
)


def edited(rows: list[Row], edits: list[tuple[str, int, Row]]) -> list[Row]:
    """The rows after these edits: a line dropped, printed twice, moved to the end, or another beside it."""
    rows = list(rows)
    for edit, place, row in edits:
        index = place % len(rows) if rows else 0
        match edit:
            case "drop":
                del rows[index : index + 1]
            case "copy":
                rows += rows[index : index + 1]
            case "move":
                rows += [rows.pop(index)] if rows else []
            case _:
                rows.insert(index, row)
    return rows


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DAYS)
def test_any_edits_of_a_file_give_by_delta_what_the_whole_file_gives(
    registry: Connection, days: dict[str, tuple[list[Row], list[tuple[str, int, Row]]]]
) -> None:
    first = {name: file_of(name, rows) for name, (rows, _) in days.items()}
    second = {name: file_of(name, edited(rows, edits)) for name, (rows, edits) in days.items()}
    assert_delta_is_full(registry, first, second)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Files:
    made = generate(100, 11, tmp_path_factory.mktemp("day"))
    files = zip(NAMES, (made.activity, made.skills, made.mailboxes), strict=True)
    return {name: file.path.read_bytes() for name, file in files}


def shaken(content: bytes, chance: random.Random) -> bytes:
    """The file with a tenth of its lines doubled, dropped, moved, or given cells of other lines."""
    head, *lines = content.decode().splitlines()
    for _ in range(len(lines) // 10):
        index, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines.insert(other, lines[index])
            case 1:
                del lines[index]
            case 2:
                lines.insert(other, lines.pop(index))
            case _:
                cells, others = lines[index].split("|"), lines[other].split("|")
                place = chance.randrange(3, len(cells))  # the first cells say whose line it is
                cells[place] = others[place]
                lines[index] = "|".join(cells)
    return "\n".join([head, *lines, ""]).encode()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_shaken_directory_gives_by_delta_what_the_whole_files_give(
    registry: Connection, generated: Files, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    assert_delta_is_full(registry, generated, {name: shaken(content, chance) for name, content in generated.items()})


def test_the_loss_of_one_of_two_equal_lines_is_seen_and_changes_nothing(registry: Connection) -> None:
    twice = [an_activity(), an_activity(), a_practice(BRUNO)]
    load(registry, "personne_activite", twice)
    before = said(registry)
    once = load(registry, "personne_activite", twice[1:])
    assert (once.mode, once.changes) == ("delta", {})
    assert said(registry) == before
    # Now the last copy goes, and with it the person.
    assert load(registry, "personne_activite", twice[2:]).changes == {"close": 1}


def test_contradicting_lines_are_judged_together_whichever_of_them_is_new(registry: Connection) -> None:
    full, poor = an_activity(given="Anne", phone="0199000001"), an_activity(given="Annie")
    load(registry, "personne_activite", [full])
    before = said(registry)
    load(registry, "personne_activite", [full, poor])
    both = said(registry)
    load(registry, "personne_activite", [poor])
    load(registry, "personne_activite", [poor, full])
    assert said(registry) == both
    load(registry, "personne_activite", [full])
    assert said(registry) == before


def staged(connection: Connection) -> int | None:
    row = connection.execute(STAGED).fetchone()
    return row[0] if row else None


def test_only_unknown_lines_are_staged(registry: Connection, generated: Files) -> None:
    load_all(registry, generated)
    head, *lines = generated["mssante"].decode().splitlines()
    cells = lines[3].split("|")
    cells[head.split("|").index("Service de rattachement")] = "ANOTHER"
    lines[3] = "|".join(cells)
    changed = "\n".join([head, *reversed(lines), lines[5], ""]).encode()
    loaded = load_file(registry, "mssante", changed)
    assert (loaded.mode, staged(registry)) == ("delta", 2)
    assert load_file(registry, "mssante", changed).changes == {}
    assert staged(registry) == 0


@pytest.mark.parametrize("change", ["order of columns", "unknown column", "missing column"])
def test_another_header_makes_every_line_unknown(registry: Connection, generated: Files, change: str) -> None:
    rows = [line.split("|") for line in generated["mssante"].decode().splitlines()]
    load_all(registry, generated)
    before = said(registry)
    match change:
        case "order of columns":
            rows = [row[::-1] for row in rows]
        case "unknown column":
            rows = [[*row, f"Nouveau{index or ''}"] for index, row in enumerate(rows)]
        case _:
            place = rows[0].index("Code savoir-faire")
            rows = [[*row[:place], *row[place + 1 :]] for row in rows]
    loaded = load_file(registry, "mssante", "\n".join("|".join(row) for row in rows).encode())
    assert (loaded.mode, loaded.changes) == ("full", {})
    assert said(registry) == before
    assert staged(registry) == len(rows) - 1


def test_another_encoding_makes_every_line_unknown(registry: Connection) -> None:
    text = file_of("personne_activite", [an_activity(family="GÉRARD"), a_practice(BRUNO)]).decode()
    load_file(registry, "personne_activite", text.encode())
    loaded = load_file(registry, "personne_activite", text.encode("cp1252"))
    assert (loaded.mode, loaded.changes) == ("full", {})
    assert load_file(registry, "personne_activite", text.encode("cp1252")).mode == "delta"
    assert registry.execute("SELECT family FROM practice WHERE practitioner = %s", [ANNE]).fetchone() == ("GÉRARD",)


def test_a_line_that_was_rejected_is_rejected_every_day(registry: Connection) -> None:
    rows = [an_activity(), an_activity("12")]
    for mode in ("first", "delta", "delta"):
        loaded = load(registry, "personne_activite", rows)
        assert (loaded.mode, loaded.rejects) == (mode, [(3, "national_id", "national_id.form")])


def order_of(numbers: Iterable[int]) -> bytes:
    order = LineOrder()
    order.add([digest(b"%d" % number) for number in numbers])
    return bytes(order)


def compared(yesterday: Iterable[int], today: Sequence[int], block: int) -> tuple[Counter[int], Counter[int]]:
    """The lines that came and those that are gone, as the engine finds them, block by block."""
    known = KnownLines(order_of(yesterday))
    came: Counter[int] = Counter()
    for start in range(0, len(today), block):
        lines = today[start : start + block]
        came.update(lines[place] for place in known.take([digest(b"%d" % number) for number in lines]))
    names = {as_number(digest(b"%d" % number)): number for number in yesterday}
    return came, Counter(names[number] for number in known.left())


@given(st.lists(st.integers(0, 9), max_size=32), st.lists(st.integers(0, 9), max_size=20))
def test_known_lines_are_a_multiset(yesterday: list[int], today: list[int]) -> None:
    came, gone = compared(yesterday, today, 5)
    assert came == Counter(today) - Counter(yesterday)
    assert gone == Counter(yesterday) - Counter(today)


@settings(max_examples=25)
@example(start=2706, size=18825, to=0, block=7, cut=True)
@given(
    start=st.integers(0, 30_000),
    size=st.integers(0, 30_000),
    to=st.integers(0, 30_000),
    block=st.sampled_from([1, 7, 500]),
    cut=st.booleans(),
)
def test_a_part_that_was_cut_out_or_moved_costs_no_line(start: int, size: int, to: int, block: int, cut: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    yesterday = [*range(30_000), *range(100)]
    moved = yesterday[start : start + size]
    rest = [*yesterday[:start], *yesterday[start + size :]]
    today = rest if cut else [*rest[:to], *moved, *rest[to:]]
    came, gone = compared(yesterday, today, block)
    assert Counter(yesterday) - gone + came == Counter(today)
    if cut:
        # A block may end in what was cut, and be found half: no more than that is read again.
        assert sum(came.values()) <= block
        assert Counter(moved) - Counter(today) <= gone


def test_a_line_that_was_not_accepted_is_not_known() -> None:
    order = LineOrder()
    order.add([digest(b"good"), digest(b"bad"), digest(b"good")])
    order.forget(1)
    known = KnownLines(bytes(order))
    assert known.take([digest(b"good"), digest(b"bad")]) == [1]
    assert list(known.left()) == [as_number(digest(b"good"))]
