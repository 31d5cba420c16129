"""What a white list may take away before somebody must say that it is right, and what it leaves to administrators."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.imports import guards
from app.imports.report import Report
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.harness.database import Database
from tests.imports.files import run_one
from tests.imports.test_white_list import A, B, entry, white_list

Connection = psycopg.Connection[Any]
ALPHA, BETA = "1750160012", "318751275100020"
DOMAINS = [f"d{number}.mssante.fr" for number in range(100)]


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


def load(settings: Settings, folder: Path, *entries: str, accept: tuple[str, ...] = ()) -> Report:
    return run_one(settings, white_list(folder, *entries), accept=accept)


def mailboxes(connection: Connection, counts: dict[str, int], operator: str | None = None) -> None:
    """So many mailboxes in each of these domains, of this operator or unclaimed."""
    made = [a_mailbox(connection, f"bal{n}@{name}") for name, count in counts.items() for n in range(count)]
    if operator:
        connection.execute("UPDATE mailbox SET operator = %s WHERE address = ANY(%s)", [operator, made])
    publish(connection, *(("mailbox", address) for address in made))


def refusing(report: Report) -> list[str]:
    return [guard.name for guard in report.guards if guard.refuses]


@pytest.mark.parametrize(("dropped", "names"), [(5, []), (6, ["shrink"])])
def test_a_list_that_drops_more_than_five_percent_of_the_domains_is_held(
    settings: Settings, tmp_path: Path, dropped: int, names: list[str]
) -> None:
    load(settings, tmp_path, *map(entry, DOMAINS))
    report = load(settings, tmp_path, *map(entry, DOMAINS[dropped:]))
    assert refusing(report) == names
    assert report.state == ("refused" if names else "applied")


@pytest.mark.parametrize(("lost", "names"), [(5, []), (6, ["unlisted_mailboxes"])])
def test_few_domains_that_carry_more_than_five_percent_of_the_mailboxes_are_held(
    settings: Settings, connection: Connection, tmp_path: Path, lost: int, names: list[str]
) -> None:
    load(settings, tmp_path, *map(entry, DOMAINS))
    mailboxes(connection, {DOMAINS[0]: lost, DOMAINS[1]: 100 - lost})
    report = load(settings, tmp_path, *map(entry, DOMAINS[1:]))
    assert refusing(report) == names
    if names:
        (guard,) = report.guards
        said = f"the list would take {lost} of 100 mailboxes ({lost}.0%) out of sight: {DOMAINS[0]} ({lost})"
        assert guard.detail.startswith(said)
        done = load(settings, tmp_path, *map(entry, DOMAINS[1:]), accept=("unlisted_mailboxes",))
        assert (done.state, [guard.accepted for guard in done.guards]) == ("applied", [True])
    shown = connection.execute("SELECT count(*) FROM publication WHERE kind = 'mailbox'").fetchone()
    assert shown == (100 - lost,)


def test_mailboxes_whose_own_operator_loses_the_domain_are_counted_and_others_are_not(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    shared = DOMAINS[0]
    load(settings, tmp_path, *map(entry, DOMAINS), entry(shared, B))
    mailboxes(connection, {DOMAINS[1]: 10})
    mailboxes(connection, {shared: 3}, BETA)
    assert refusing(load(settings, tmp_path, *map(entry, DOMAINS))) == ["unlisted_mailboxes"]
    # Nobody claimed them: they stay with the owner that remains.
    connection.execute("UPDATE mailbox SET operator = NULL")
    assert refusing(load(settings, tmp_path, *map(entry, DOMAINS))) == []


def test_what_an_administrator_lists_beside_is_not_lost(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    load(settings, tmp_path, *map(entry, DOMAINS))
    connection.execute("UPDATE domain SET source = 'admin' WHERE name = %s", [DOMAINS[0]])
    mailboxes(connection, {DOMAINS[0]: 100})
    report = load(settings, tmp_path, *map(entry, DOMAINS[1:]))
    assert (report.state, report.diff["close"]) == ("applied", 0)
    assert connection.execute("SELECT count(*) FROM domain").fetchone() == (100,)


def test_the_first_list_takes_nothing_away_that_was_listed(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    mailboxes(connection, {"other.mssante.fr": 100})
    assert load(settings, tmp_path, *map(entry, DOMAINS)).state == "applied"


def test_the_limits_are_rows_that_can_be_set(settings: Settings, connection: Connection, tmp_path: Path) -> None:
    load(settings, tmp_path, *map(entry, DOMAINS))
    mailboxes(connection, {DOMAINS[0]: 50, DOMAINS[1]: 50})
    guards.set_limit(connection, "liste_blanche", "unlisted_mailboxes", "0.5")
    assert refusing(load(settings, tmp_path, *map(entry, DOMAINS[1:]))) == []
    # Another limit for all sources is none for the white list's own.
    guards.set_limit(connection, "*", "shrink", "0.9")
    assert refusing(load(settings, tmp_path, *map(entry, DOMAINS[50:]))) == ["shrink"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("candidate", "active"), ("active", "active"), ("suspended", "suspended"), ("left", "left")],
)
def test_who_is_listed_is_active_unless_an_administrator_decided_otherwise(
    settings: Settings, connection: Connection, tmp_path: Path, before: str, after: str
) -> None:
    connection.execute(
        "INSERT INTO operator (id, name, state, source) VALUES (%s, 'NOM CHOISI', %s, 'admin')", [ALPHA, before]
    )
    run = load(settings, tmp_path, entry(DOMAINS[0]), entry(DOMAINS[1], B))
    found = connection.execute("SELECT id, name, state, source FROM operator ORDER BY id").fetchall()
    assert found == [
        (ALPHA, "NOM CHOISI", after, "admin"),
        (BETA, "BETA", "active", "liste_blanche"),
    ]
    assert run.state == "applied"


def test_a_certificate_that_an_administrator_gave_stays_where_it_is(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("INSERT INTO operator (id, name, state, source) VALUES ('reseau', 'RÉSEAU', 'active', 'admin')")
    dn = f"C=fr,CN=a,O=alpha,OU={ALPHA}"
    connection.execute("INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, 'reseau', %s)", [dn, dn])
    load(settings, tmp_path, entry(DOMAINS[0], A), entry(DOMAINS[1], B))
    owners = connection.execute("SELECT name, operator FROM domain_owner ORDER BY name").fetchall()
    assert owners == [(DOMAINS[0], "reseau"), (DOMAINS[1], BETA)]
    assert connection.execute("SELECT id FROM operator ORDER BY id").fetchall() == [(BETA,), ("reseau",)]
