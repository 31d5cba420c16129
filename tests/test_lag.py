"""Which lag is too much, channel by channel."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.lag import MEASURE, Lag, judged
from app.publication.snapshots import make
from app.settings import Settings
from tests.builders import a_small_directory, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
NONE = Lag(7, 7, 7, 7, None, None, 1.0, None, 1.0, None, 1.0, None, 0, 0, 0)
LDAP = Settings(_env_file=None)
NO_LDAP = LDAP.model_copy(update={"ldap_enabled": False})
NO_FILES = LDAP.model_copy(update={"snapshot_hours": 0})


@pytest.mark.parametrize(
    ("changed", "settings", "late"),
    [
        ({}, LDAP, []),
        ({"publication": 15 * MINUTE}, LDAP, []),
        ({"publication": 15 * MINUTE + 1}, LDAP, ["publication"]),
        ({"ldap": 10 * MINUTE}, LDAP, []),
        ({"ldap": 11 * MINUTE}, LDAP, ["ldap"]),
        ({"ldap": 11 * MINUTE}, NO_LDAP, []),
        ({"ldap_seen": 61.0}, LDAP, ["ldap"]),
        ({"ldap_seen": None}, LDAP, ["ldap"]),
        ({"ldap_seen": None, "edition": 0}, LDAP, []),
        ({"ldap_seen": 61.0, "ldap": 11 * MINUTE}, LDAP, ["ldap"]),
        ({"digest": 5 * MINUTE}, LDAP, []),
        ({"digest": 6 * MINUTE}, LDAP, ["digest"]),
        ({"snapshot": 2 * DAY}, LDAP, []),
        ({"snapshot": 2 * DAY + 1}, LDAP, ["snapshot"]),
        ({"snapshot": 9 * DAY}, NO_FILES, []),
        ({"snapshot_absent": HOUR}, LDAP, []),
        ({"snapshot_absent": HOUR + 1}, LDAP, ["snapshot"]),
        ({"snapshot_absent": DAY}, NO_FILES, []),
        ({"snapshot_absent": 3 * DAY, "snapshot": 3 * DAY}, LDAP, ["snapshot"]),
        ({"push": 5 * MINUTE}, LDAP, []),
        ({"push": 6 * MINUTE}, LDAP, ["push"]),
        ({"publication": HOUR, "digest": HOUR}, LDAP, ["publication", "digest"]),
    ],
)
def test_a_channel_is_late_beyond_its_limit(changed: dict[str, Any], settings: Settings, late: list[str]) -> None:
    assert [each.channel for each in judged(NONE._replace(**changed), settings)] == late


def test_what_a_channel_holds_of_another_history_does_not_count(database: Database) -> None:
    connection = database.connect(autocommit=True)
    edition = a_small_directory(connection)
    measured = _measured(connection)
    assert (measured.edition, measured.ldap_edition, measured.ldap_seen) == (edition, 0, None)
    assert measured.ldap is not None
    connection.execute("INSERT INTO ldap_seen (edition, epoch) SELECT edition, epoch FROM directory")
    measured = _measured(connection)
    assert (measured.ldap_edition, measured.ldap) == (edition, None)
    connection.execute("SELECT begin_epoch('a test', 'a test', 'restored')")
    assert _measured(connection).ldap_edition == 0


def test_files_are_absent_from_their_withdrawal_to_the_next(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    connection = database.connect(autocommit=True)
    held = settings.model_copy(update={"snapshot_dir": tmp_path})
    a_small_directory(connection)
    assert _measured(connection).snapshot_absent is None
    assert make(held, connection)
    assert _measured(connection).snapshot_absent is None
    connection.execute("UPDATE mailbox SET unlisted = true")
    publish(connection, ("mailbox", "anne.exemple@ch-exemple.mssante.fr"))
    connection.execute("UPDATE snapshot SET withdrawn_at = withdrawn_at - interval '1 day'")
    absent = _measured(connection).snapshot_absent
    assert absent is not None
    assert absent >= DAY
    assert make(held, connection)
    assert _measured(connection).snapshot_absent is None


def _measured(connection: Connection) -> Lag:
    row = connection.execute(MEASURE.encode()).fetchone()
    assert row is not None
    return Lag(*row)
