"""Two imports at once, and an import while others write: nobody's acknowledged work is lost."""

import threading
from pathlib import Path

import psycopg
import pytest

from app.console import Refused
from app.imports import pipeline
from app.imports.options import Options
from tests.faults.commands import PATIENCE, started, words
from tests.faults.conftest import Days, assert_undisturbed, imports, settings_of
from tests.faults.gate import gate, until
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run
from tests.publication.world import assert_world

WAITS = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objid = 8 AND NOT l.granted AND d.datname = current_database()
"""


def test_a_second_import_of_the_same_source_waits_and_finds_nothing_left_to_do(
    loaded: Database, days: Days, tmp_path: Path
) -> None:
    command = imports(days.second, tmp_path)
    watch = loaded.connect(autocommit=True)
    with gate(loaded, "at the first row of the registry") as closed, started(loaded, tmp_path, *command) as first:
        closed.wait(lambda: first.poll() is None)
        with started(loaded, tmp_path, *command) as second:
            until(lambda: watch.execute(WAITS).fetchone() == (1,), "the second import waits")
            assert second.poll() is None
            closed.open()
            assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (1, 1), words(tmp_path)
        closed.remove()
    assert "another import is running; waiting for it to end" in words(tmp_path)
    assert_undisturbed(loaded, days.after_second)


def test_an_import_that_waits_too_long_is_refused_and_says_so(
    loaded: Database, days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE", "50ms")
    loaded.connect(autocommit=True).execute("SELECT pg_advisory_lock(%s)", [pipeline.IMPORT_LOCK])
    with pytest.raises(Refused) as refused:
        run(settings_of(loaded.dsn), tmp_path, *days.second)
    assert refused.value.code == "import.busy"
    with loaded.connect(autocommit=True) as connection:
        assert state.said(connection) == days.after_first


def test_two_plans_of_a_source_made_at_once_are_not_both_applied(loaded: Database, days: Days, tmp_path: Path) -> None:
    settings = settings_of(loaded.dsn)
    (first,) = run(settings, tmp_path, days.second[1], dry_run=True)
    (second,) = run(settings, tmp_path, days.second[1], dry_run=True)
    options = Options(tmp_path, frozenset(("shrink",)))
    assert state.apply(settings, first.run, options).state == "applied"
    with pytest.raises(Refused) as refused:
        state.apply(settings, second.run, options)
    assert refused.value.code == "import.outdated"


def test_what_operators_write_and_publish_during_an_import_is_all_there(
    loaded: Database, days: Days, tmp_path: Path
) -> None:
    addresses = untouched(loaded, days)
    stop = threading.Event()
    acknowledged: dict[str, str] = {}

    def write(mine: list[str]) -> None:
        with psycopg.connect(loaded.dsn) as connection:
            for count in range(10_000):
                for address in mine:
                    if stop.is_set():
                        return
                    text = f"told {count}"
                    connection.execute("UPDATE mailbox SET description = %s WHERE address = %s", [text, address])
                    connection.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", [address])
                    connection.commit()
                    acknowledged[address] = text

    threads = [threading.Thread(target=write, args=(addresses[place::2],)) for place in range(2)]
    for thread in threads:
        thread.start()
    try:
        with started(loaded, tmp_path, *imports(days.second, tmp_path)) as importing:
            assert importing.wait(PATIENCE) == 1, words(tmp_path)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    with loaded.connect() as connection:
        assert set(acknowledged) == set(addresses)
        assert (
            dict(connection.execute("SELECT address, description FROM mailbox WHERE description LIKE 'told %'"))
            == acknowledged
        )
        assert_world(connection)
        now = state.registry(connection)
    told = {text for text in now["mailbox"] if '"told ' in text}
    assert len(told) == len(addresses)
    expected = days.after_second[0]
    assert now["practice"] == expected["practice"]
    assert now["mailbox_attachment"] == expected["mailbox_attachment"]
    assert sum(now["mailbox"].values()) == sum(expected["mailbox"].values())


def untouched(loaded: Database, days: Days) -> list[str]:
    """Mailboxes of the first day that the second day says nothing new of."""
    same = days.after_first[0]["mailbox"] & days.after_second[0]["mailbox"]
    with loaded.connect() as connection:
        rows = connection.execute("SELECT address FROM mailbox WHERE state = 'active' ORDER BY address").fetchall()
    found = [address for (address,) in rows if any(f'"address": "{address}"' in text for text in same)]
    assert len(found) >= 10
    return found[:10]
