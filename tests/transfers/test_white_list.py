"""A white list does not undo a transfer that its publisher has not heard of, and decides again once it has."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.console import Refused
from app.db import connect
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.report import Report
from app.settings import Settings
from app.transfers.clock import settle_due
from tests.builders import a_mailbox, publish
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run_one
from tests.imports.test_white_list import A, B, entry, white_list

Connection = psycopg.Connection[Any]
ALPHA, BETA, GAMMA = "1750160012", "318751275100020", "1990000044"
C = f"CN=c,OU={GAMMA},O=GAMMA,C=FR"
B2 = "CN=b2,OU=318751275100020,O=BETA,C=FR"
NAME, OTHER = "donne.mssante.fr", "reste.mssante.fr"
ADDRESS = f"bal@{NAME}"
REST = (entry(OTHER, A), entry(f"b.{OTHER}", B), entry(f"c.{OTHER}", C))


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


@pytest.fixture
def moved(settings: Settings, connection: Connection, tmp_path: Path) -> Connection:
    """A domain that the list gives to ALPHA, with a mailbox, transferred to BETA."""
    load(settings, tmp_path, entry(NAME, A), *REST)
    a_mailbox(connection, ADDRESS, mailbox_type="APP", source="api")
    connection.execute("UPDATE mailbox SET operator = %s", (ALPHA,))
    publish(connection, ("mailbox", ADDRESS))
    transfer(settings, connection, ALPHA, BETA)
    return connection


def load(settings: Settings, folder: Path, *entries: str) -> Report:
    report = run_one(settings, white_list(folder, *entries), accept=NAMES)
    assert report.state == "applied"
    return report


def transfer(settings: Settings, connection: Connection, giver: str, receiver: str) -> None:
    connection.execute(
        "INSERT INTO transfer (scope, key, from_operator, to_operator, effective_at, state, proposed_by)"
        " VALUES ('domain', %s, %s, %s, clock_timestamp(), 'agreed', %s)",
        (NAME, giver, receiver, giver),
    )
    with connect(settings, autocommit=True) as clock:
        settle_due(clock, settings)
    assert connection.execute("SELECT state FROM transfer ORDER BY id DESC LIMIT 1").fetchone() == ("done",)


def owners(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT c.operator, d.source FROM domain d JOIN operator_certificate c ON c.dn = d.certificate"
        " WHERE d.name = %s ORDER BY 1, 2",
        (NAME,),
    ).fetchall()


def pins(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT from_operator, to_operator FROM domain_move ORDER BY 1").fetchall()


def is_published(connection: Connection) -> bool:
    return connection.execute("SELECT true FROM publication WHERE key = %s", (ADDRESS,)).fetchone() is not None


def test_a_list_that_still_names_the_giver_changes_nothing(
    moved: Connection, settings: Settings, tmp_path: Path
) -> None:
    for updated in ("2025-03-13T14:54:10Z", "2025-04-13T14:54:10Z"):
        report = load(settings, tmp_path, entry(NAME, A, updated=updated, description=updated), *REST)
        assert (report.diff["create"], report.diff["close"]) == (0, 0)
        assert owners(moved) == [(BETA, "admin")]
        assert pins(moved) == [(ALPHA, BETA)]
        assert is_published(moved)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ((entry(NAME, B),), [(BETA, "liste_blanche")]),
        ((entry(NAME, B2),), [(BETA, "liste_blanche")]),
        ((entry(NAME, A), entry(NAME, B)), [(ALPHA, "liste_blanche"), (BETA, "liste_blanche")]),
        ((entry(NAME, C),), [(GAMMA, "liste_blanche")]),
        ((), []),
    ],
    ids=["the receiver", "another certificate of the receiver", "both", "a third", "nobody"],
)
def test_a_list_that_has_heard_of_it_or_of_something_else_decides_again(
    moved: Connection, settings: Settings, tmp_path: Path, entries: tuple[str, ...], found: list[tuple[str, str]]
) -> None:
    load(settings, tmp_path, *entries, *REST)
    assert owners(moved) == found
    assert pins(moved) == []
    # Its mailbox is BETA's: it is seen as long as the domain is listed for BETA.
    assert is_published(moved) == (BETA in dict(found))


def test_once_it_was_confirmed_a_list_may_give_it_back(moved: Connection, settings: Settings, tmp_path: Path) -> None:
    load(settings, tmp_path, entry(NAME, B), *REST)
    load(settings, tmp_path, entry(NAME, A), *REST)
    assert owners(moved) == [(ALPHA, "liste_blanche")]
    load(settings, tmp_path, entry(NAME, A), *REST)
    assert owners(moved) == [(ALPHA, "liste_blanche")]


def test_a_domain_that_moves_on_is_kept_from_both_givers(moved: Connection, settings: Settings, tmp_path: Path) -> None:
    transfer(settings, moved, BETA, GAMMA)
    for certificate in (A, B, A):
        load(settings, tmp_path, entry(NAME, certificate), *REST)
        assert owners(moved) == [(GAMMA, "admin")]
        assert pins(moved) == [(ALPHA, GAMMA), (BETA, GAMMA)]
    load(settings, tmp_path, entry(NAME, C), *REST)
    assert (owners(moved), pins(moved)) == ([(GAMMA, "liste_blanche")], [])


def test_a_domain_that_comes_back_is_as_if_it_had_never_gone(
    moved: Connection, settings: Settings, tmp_path: Path
) -> None:
    transfer(settings, moved, BETA, ALPHA)
    assert pins(moved) == [(BETA, ALPHA)]
    load(settings, tmp_path, entry(NAME, A), *REST)
    assert (owners(moved), pins(moved)) == ([(ALPHA, "liste_blanche")], [])


@pytest.mark.parametrize("entries", [(entry(NAME, B),), (), (entry(NAME, A),)], ids=["confirmed", "dropped", "stale"])
def test_the_undo_of_a_list_puts_the_transfer_back(
    moved: Connection, settings: Settings, tmp_path: Path, entries: tuple[str, ...]
) -> None:
    before = state.whole(moved)
    report = load(settings, tmp_path, *entries, entry(f"new.{OTHER}", A), *REST)
    state.undo(settings, report.run, Options(tmp_path / "rejects", frozenset(NAMES), by="jeanne"))
    assert state.differences(before[0], state.whole(moved)[0]) == {}
    assert (owners(moved), pins(moved)) == ([(BETA, "admin")], [(ALPHA, BETA)])
    assert is_published(moved)
    load(settings, tmp_path, entry(NAME, A), *REST)
    assert owners(moved) == [(BETA, "admin")]


def test_the_list_before_the_transfer_cannot_be_undone(moved: Connection, settings: Settings, tmp_path: Path) -> None:
    run = moved.execute("SELECT id FROM import_run ORDER BY number DESC LIMIT 1").fetchone()
    assert run is not None
    with pytest.raises(Refused, match="referred to"):
        state.undo(settings, run[0], Options(tmp_path / "rejects", by="jeanne"))
    assert owners(moved) == [(BETA, "admin")]


def test_an_administrator_who_takes_it_away_ends_it(moved: Connection, settings: Settings, tmp_path: Path) -> None:
    moved.execute("DELETE FROM domain WHERE name = %s", (NAME,))
    load(settings, tmp_path, entry(NAME, A), *REST)
    assert (owners(moved), pins(moved)) == ([(ALPHA, "liste_blanche")], [])


def test_the_guard_counts_the_mailboxes_of_a_transferred_domain_that_is_dropped(
    moved: Connection, settings: Settings, tmp_path: Path
) -> None:
    report = run_one(settings, white_list(tmp_path, *REST))
    assert report.state == "refused"
    assert "unlisted_mailboxes" in [guard.name for guard in report.guards if guard.refuses]
    assert is_published(moved)
