"""A copy begins with a snapshot where one is offered, and goes on without a gap. What was not signed is refused."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard

from app.console import Refused
from app.members.credentials import Credentials
from app.members.rest import LONGEST_PAUSE, Rest
from app.publication import snapshot_clock
from app.publication.digest import root
from app.publication.digest_tree import tree_of
from app.publication.snapshots import make, making
from app.replica.copy import Held
from app.replica.follower import Follower
from app.replica.proof import prove
from app.replica.source import RESOURCES_FILE, Source
from app.settings import Settings
from tests.builders import a_small_directory, publish
from tests.harness.database import Database
from tests.harness.serving import serving
from tests.members.conftest import key_for
from tests.replica.conftest import Open
from tests.replica.test_follower import several

__all__ = ["key_for"]
Connection = psycopg.Connection[Any]


@pytest.fixture
def signing(signing: Settings, tmp_path: Path) -> Settings:
    """The same, with a folder for snapshots."""
    return signing.model_copy(update={"snapshot_dir": tmp_path / "snapshots"})


def made(settings: Settings, database: Database) -> int:
    """A snapshot of the present edition. Returns that."""
    connection = database.connect(autocommit=True)
    with making(connection) as is_maker:
        assert is_maker
        snapshot = make(settings, connection)
    assert snapshot is not None
    return snapshot.edition


def root_in(follower: Follower) -> str:
    return tree_of(follower.copy.rows()).root


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_copy_begins_with_the_snapshot_and_goes_on_from_it(
    kind: str, source: Source, opened: Open, registry: Connection, signing: Settings, database: Database
) -> None:
    a_small_directory(registry)
    edition = made(signing, database)
    several(registry, 3)
    registry.execute("DELETE FROM change WHERE sequence <= %s", (edition,))
    registry.commit()
    follower = Follower(source, opened(kind))
    outcome = prove(follower, repairs=False)
    assert (outcome.is_equal, outcome.begun_anew, follower.copy.held.edition) == (True, True, edition + 3)
    assert root_in(follower) == root(registry).root


def test_a_copy_begins_within_one_interval_after_the_last_hiding(
    opened: Open,
    key: str,
    registry: Connection,
    signing: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files were made, somebody was hidden, and no log is left to begin with."""
    maker = database.connect(autocommit=True)
    worker = signing.model_copy(update={"snapshot_hours": 24})
    several(registry, 3)
    assert snapshot_clock.look(worker, maker) is not None
    registry.execute("UPDATE mailbox SET unlisted = true WHERE address = 'm1@ch-exemple.mssante.fr'")
    edition = publish(registry, ("mailbox", "m1@ch-exemple.mssante.fr"))
    registry.execute("DELETE FROM change WHERE sequence = 1")
    registry.commit()
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        """The clock of the follower, and that of the worker."""
        waited.append(seconds)
        maker.execute("UPDATE snapshot SET made_at = made_at - make_interval(secs => %s)", (seconds,))
        snapshot_clock.look(worker, maker)

    monkeypatch.setattr("app.members.rest.sleep", sleep)
    monkeypatch.setattr("app.members.rest.monotonic", lambda: sum(waited))
    with serving(worker) as url, Rest(url, Credentials(key=key)) as rest:
        follower = Follower(Source(rest), opened("sqlite"))
        assert follower.catch_up().edition == edition
    assert sum(waited) <= snapshot_clock.LEAST_BETWEEN.total_seconds() + LONGEST_PAUSE
    assert not any("m1@" in text for text in follower.copy.documents("mailbox"))
    assert root_in(follower) == root(registry).root


def test_whoever_comes_back_too_late_begins_with_the_snapshot(
    follower: Follower, registry: Connection, signing: Settings, database: Database
) -> None:
    several(registry, 3)
    follower.catch_up()
    late = several(registry, 4, "n")
    registry.execute("DELETE FROM mailbox_attachment WHERE address LIKE 'm1@%'")
    registry.execute("DELETE FROM mailbox WHERE address LIKE 'm1@%'")
    registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY['m1@ch-exemple.mssante.fr'])")
    registry.commit()
    assert made(signing, database) == late + 1
    registry.execute("DELETE FROM change WHERE sequence <= %s", (late,))
    registry.commit()
    assert prove(follower, repairs=False).begun_anew
    assert root_in(follower) == root(registry).root


def test_a_snapshot_that_was_altered_is_refused_and_the_copy_stays(
    follower: Follower, registry: Connection, signing: Settings, database: Database
) -> None:
    several(registry, 3)
    before = follower.catch_up()
    edition = made(signing, database)
    file = signing.snapshot_dir / str(edition) / RESOURCES_FILE
    with zstandard.open(file, "rt", encoding="utf-8") as lines:
        text = lines.read()
    content = zstandard.ZstdCompressor().compress(text.splitlines(keepends=True)[0].encode())
    file.write_bytes(content)
    follower.forget()
    with pytest.raises(Refused, match="not the one that was offered"):
        follower.catch_up()
    assert follower.copy.held == Held(None, 0)
    assert root_in(follower) == root(registry).root
    assert before.edition == edition


def test_without_a_manifest_the_word_of_the_directory_must_be_asked_for(
    registry: Connection, signing: Settings, database: Database, opened: Open, key: str, settings: Settings
) -> None:
    several(registry, 3)
    unsigned = settings.model_copy(
        update={"database_pool": 2, "log_level": "error", "snapshot_dir": signing.snapshot_dir}
    )
    made(unsigned, database)
    with serving(unsigned) as url, Rest(url, Credentials(key=key)) as rest:
        with pytest.raises(Refused, match="signing key"):
            Follower(Source(rest), opened("sqlite")).catch_up()
        follower = Follower(Source(rest, unsigned=True), opened("sqlite"))
        assert prove(follower, repairs=False).begun_anew
        assert root_in(follower) == root(registry).root


def test_readers_of_a_copy_see_the_old_one_or_the_new_one(
    follower: Follower, registry: Connection, signing: Settings, database: Database, tmp_path: Path
) -> None:
    """While a snapshot is loaded, whoever reads the file beside sees the copy of before."""
    several(registry, 3)
    follower.catch_up()
    several(registry, 2, "n")
    made(signing, database)
    seen: list[int] = []
    put = follower.copy.put

    def watched(resources: Any) -> None:
        put(resources)
        with sqlite3.connect(tmp_path / "copy.db") as reader:
            seen.extend(count for (count,) in reader.execute("SELECT count(*) FROM annuaire_resource"))

    follower.copy.put = watched  # type: ignore[method-assign] # a reader looks in between
    follower.forget()
    follower.catch_up()
    assert seen[0] == 3
    assert len(list(follower.copy.documents("mailbox"))) == 5
