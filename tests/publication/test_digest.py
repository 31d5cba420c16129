"""The digest: equal content, equal root, whatever the history; and from whatever was reckoned before."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.publication import digest
from app.publication.digest import Reckoned, reckon, reckon_async, reckon_whole, root
from app.publication.digest_keeping import IS_FAR, KEEP, DigestDrifted, keep, prepare, prove, run
from app.publication.digest_tree import EMPTY_LEAF, EMPTY_TREE, SLOTS, Tree, leaf_of, root_of, slot_of, tree_of
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.harness.database import Database
from tests.publication.world import build, drain

Connection = psycopg.Connection[Any]
SOME_DAY = datetime(2026, 11, 29, tzinfo=UTC)


def rows(connection: Connection) -> list[tuple[str, str, bytes]]:
    return connection.execute("SELECT kind, key, fingerprint FROM publication").fetchall()


def test_the_holder_of_a_copy_computes_the_same_root(database: Database) -> None:
    connection = database.connect()
    build(connection)
    assert root(connection).root == root_of(rows(connection))
    assert root(connection).edition == 12


def test_content_that_comes_back_gives_the_root_of_before(database: Database) -> None:
    connection = database.connect()
    build(connection)
    before = root(connection)
    for service in ("'AUTRE'", "'CARDIOLOGIE'"):
        connection.execute(f"UPDATE mailbox SET service = {service} WHERE address = 'anne@ch-exemple.mssante.fr'")
        connection.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', 'anne@ch-exemple.mssante.fr')")
        connection.commit()
        drain(connection)
    after = root(connection)
    assert (after.root, after.edition) == (before.root, before.edition + 4)


ROWS = st.lists(
    st.tuples(st.sampled_from(["mailbox", "practitioner"]), st.text(max_size=8), st.binary(min_size=32, max_size=32)),
    unique_by=lambda row: row[:2],
    max_size=5,
)


@examples(max_examples=20)
@given(ROWS, st.randoms())
def test_the_root_depends_on_the_rows_alone(content: list[tuple[str, str, bytes]], chance: Any) -> None:
    shuffled = list(content)
    chance.shuffle(shuffled)
    assert root_of(shuffled) == root_of(content)
    if content:
        assert root_of(content[1:]) != root_of(content)


SLOTS_HASHED = st.dictionaries(st.integers(0, SLOTS - 1), st.binary(min_size=32, max_size=32), max_size=20)


@examples(max_examples=20)
@given(SLOTS_HASHED, SLOTS_HASHED)
def test_a_tree_that_was_changed_is_the_tree_of_what_it_holds(
    before: dict[int, bytes], later: dict[int, bytes]
) -> None:
    changed = Tree.over(before).changed(later)
    assert changed == Tree.over(before | later) == Tree.of(changed.leaves)
    assert [changed.slots_of(slot // 256)[slot % 256] for slot in later] == list(later.values())


def test_a_tree_has_its_leaves_and_no_others() -> None:
    with pytest.raises(ValueError, match="bytes of leaves"):
        Tree.of(EMPTY_TREE.leaves[1:])
    assert leaf_of([]) == EMPTY_LEAF
    row = ("mailbox", "a@b", b"0" * 32)
    assert tree_of([(slot_of(*row[:2]), row)]).root == root_of([row]) != EMPTY_TREE.root


def change(connection: Connection, number: int) -> None:
    """A mailbox more, or the same ones changed and gone."""
    address = f"m{number % 7}@ch-exemple.mssante.fr"
    if connection.execute("SELECT FROM mailbox WHERE address = %s", (address,)).rowcount:
        connection.execute(
            "UPDATE mailbox SET description = %s, state = CASE state WHEN 'active' THEN 'suspended' ELSE 'active' END"
            " WHERE address = %s",
            (str(number), address),
        )
    else:
        a_mailbox(connection, address)
    publish(connection, ("mailbox", address))


def test_what_follows_the_log_is_what_all_rows_give(database: Database) -> None:
    """Several who hold trees of different ages, one that is kept, one that begins with nothing."""
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    often: Reckoned | None = None
    seldom = keep(reader)
    for number in range(40):
        change(connection, number)
        often = reckon(reader, often)
        assert often.digest == root(reader) == (often.edition, often.epoch, root_of(rows(reader)))
    assert often is not None
    assert reckon(reader, often) is often
    assert reckon(reader, seldom) == often == reckon_whole(reader)
    assert keep(reader, seldom) == often
    assert reader.execute("SELECT edition, leaves FROM digest_tree").fetchall() == [(often.edition, often.tree.leaves)]


def test_a_tree_that_nothing_leads_on_from_is_not_used(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    wrong = Reckoned(3, reckon(reader).epoch, EMPTY_TREE)
    assert reckon(reader, wrong).digest != root(reader)
    connection.execute("DELETE FROM change WHERE sequence <= 3")
    connection.commit()
    assert reckon(reader, wrong).digest != root(reader), "the oldest kept change is the next one: the tree still counts"
    connection.execute("DELETE FROM change WHERE sequence <= 4")
    connection.commit()
    assert reckon(reader, wrong).digest == root(reader)
    assert reckon(reader, wrong._replace(edition=10, epoch="another")).digest == root(reader)
    assert reckon(reader, wrong._replace(edition=99)).digest == root(reader)
    monkeypatch.setattr(digest, "MANY_CHANGES", 1)
    assert reckon(reader, wrong._replace(edition=10)).digest == root(reader)


def test_an_emptied_log_and_an_emptied_directory_have_a_digest(database: Database) -> None:
    connection, reader = database.connect(), database.connect(autocommit=True)
    assert root(reader)[::2] == (0, EMPTY_TREE.root)
    build(connection)
    held = reckon(reader)
    connection.execute("DELETE FROM mailbox_attachment; DELETE FROM mailbox")
    connection.execute("INSERT INTO pending (kind, key) SELECT kind, key FROM publication WHERE kind = 'mailbox'")
    connection.commit()
    drain(connection)
    assert reckon(reader, held) == reckon_whole(reader)
    connection.execute("DELETE FROM change")
    connection.commit()
    assert reckon(reader, held) == reckon_whole(reader)


def write(dsn: str, writer: int) -> None:
    """Four mailboxes of this writer, changed again and again."""
    with psycopg.connect(dsn) as own:
        for number in range(15):
            address = f"w{writer}-{number % 4}@ch-exemple.mssante.fr"
            if number < 4:
                a_mailbox(own, address)
            own.execute("UPDATE mailbox SET description = %s WHERE address = %s", (f"{number}", address))
            publish(own, ("mailbox", address))


def follow(dsn: str, done: threading.Event, found: list[Reckoned]) -> None:
    """Each tree from the one before, as the API does."""

    async def following() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as reader:
            while not done.is_set():
                found.append(await reckon_async(reader, found[-1] if found else None))

    asyncio.run(following())


def recount(dsn: str, done: threading.Event, found: list[Reckoned]) -> None:
    """Each tree from all rows."""
    with psycopg.connect(dsn, autocommit=True) as reader:
        while not done.is_set():
            found.append(reckon_whole(reader))


def test_readers_while_eight_write_see_whole_editions(database: Database) -> None:
    """Whoever follows the log, and whoever counts all rows, finds the same trees at the same editions."""
    build(database.connect())
    done, followed, counted = threading.Event(), list[Reckoned](), list[Reckoned]()
    readers = [
        threading.Thread(target=read, args=(database.dsn, done, found))
        for read, found in ((follow, followed), (recount, counted))
    ]
    writers = [threading.Thread(target=write, args=(database.dsn, number)) for number in range(8)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    reader = database.connect(autocommit=True)
    assert reckon(reader, followed[-1]) == reckon_whole(reader)
    by_edition = {each.edition: each for each in followed}
    assert len(by_edition) > 1
    assert all(by_edition.get(each.edition, each) == each for each in counted)


def test_the_worker_keeps_the_tree_of_the_edition(database: Database, settings: Settings) -> None:
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    stop = threading.Event()
    loop = threading.Thread(target=run, args=(settings, stop))
    loop.start()
    try:
        while reader.execute("SELECT edition FROM digest_tree").fetchone() != (12,):
            assert loop.is_alive()
    finally:
        stop.set()
        loop.join()


def test_a_large_import_is_vacuumed_before_all_slots_are_hashed(database: Database) -> None:
    """After that the index is enough: no row is fetched from its page."""
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    visible = "SELECT relpages > 0 AND relallvisible = relpages FROM pg_class WHERE oid = 'publication'::regclass"
    assert reader.execute(IS_FAR, (12,)).fetchone() == (True,)
    # The PostgreSQL of the tests commits before the log is on the disk; until it is, nothing is visible to all.
    reader.execute("CHECKPOINT")
    prepare(reader)
    assert reader.execute(visible).fetchone() == (True,)
    keep(reader)
    change(connection, 1)
    assert reader.execute(IS_FAR, (1,)).fetchone() == (False,)
    assert reader.execute(IS_FAR, (0,)).fetchone() == (True,)


def test_of_two_workers_the_one_that_is_further_stays(database: Database) -> None:
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    late = database.connect()
    late.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    before = reckon(late)
    change(connection, 1)
    now = keep(reader)
    assert before.edition < now.edition
    late.rollback()
    with late.transaction():
        late.execute(KEEP, {"edition": before.edition, "epoch": before.epoch, "leaves": before.tree.leaves})
    assert reader.execute("SELECT edition FROM digest_tree").fetchone() == (now.edition,)


def test_what_is_written_behind_the_log_is_found_once_a_day(database: Database, settings: Settings) -> None:
    connection, reader = database.connect(), database.connect(autocommit=True)
    build(connection)
    keep(reader)
    prove(reader, settings, SOME_DAY)
    connection.execute("DELETE FROM publication WHERE kind = 'mailbox' AND key = 'anne@ch-exemple.mssante.fr'")
    connection.commit()
    with pytest.raises(DigestDrifted, match="1 nodes differ"):
        prove(reader, settings, SOME_DAY)
    assert root(reader).root == root_of(rows(reader))
    prove(reader, settings, SOME_DAY)
