"""Files and operators both write mailboxes: what an operator wrote is its own, whatever a file says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.keys import issue
from app.console import Refused
from app.imports.delta_form import LABELS
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.report import Report
from app.imports.sources import mssante
from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, FINESS, RPPS, a_practitioner, a_structure, an_operator, publish
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run_one, written
from tests.imports.sources.loader import file_of
from tests.imports.sources.rows import a_mailbox
from tests.mailbox_writes.operators import Operator, org, per

Connection = psycopg.Connection[Any]
ADDRESS = f"anne@{DOMAIN}"
TEAM = f"equipe@{DOMAIN}"


@pytest.fixture
def connection(database: Database) -> Connection:
    """A registry with a person, a structure and an operator."""
    connection = database.connect(autocommit=True)
    structure = a_structure(connection)
    person = a_practitioner(connection)
    an_operator(connection)
    publish(connection, ("organization", structure), ("practitioner", person))
    return connection


@pytest.fixture
def operator(connection: Connection, settings: Settings) -> Iterator[Operator]:
    _, key = issue(connection, settings.key_pepper, "a test", ["publish"], "1990000010")
    ours = settings.model_copy(update={"publish_with_key": True, "database_pool": 2, "log_level": "error"})
    with TestClient(create_app(ours), raise_server_exceptions=False) as client:
        yield Operator(client, "1990000010", {"Authorization": f"Bearer {key}"})


@pytest.fixture
def extraction(settings: Settings, tmp_path: Path) -> Callable[..., Report]:
    """Import an extraction of these rows, accepting every guard."""
    numbers = iter(range(100))

    def load(*rows: dict[str, str]) -> Report:
        name = f"extraction{next(numbers)}.txt"
        return run_one(settings, written(tmp_path, name, file_of(mssante.SOURCE.name, rows)), accept=NAMES)

    return load


def mailbox(connection: Connection, address: str = ADDRESS) -> tuple[Any, ...] | None:
    query = "SELECT source, operator, state, service, changed_run IS NULL FROM mailbox WHERE address = %s"
    return connection.execute(query, [address]).fetchone()


def handed_in(settings: Settings, folder: Path, *rows: dict[str, str]) -> Report:
    lines = [";".join(LABELS), *(";".join(row.get(label, "") for label in LABELS) for row in rows)]
    return run_one(settings, written(folder, "delta.csv", "\n".join(lines).encode()), accept=NAMES)


def test_no_file_changes_closes_or_brings_back_what_an_operator_wrote(
    operator: Operator, connection: Connection, extraction: Callable[..., Report]
) -> None:
    operator.put(ADDRESS, per(service="OPERATEUR"))
    operator.put(TEAM, org())
    operator.delete(TEAM, if_match=operator.tag(TEAM))
    rows = [a_mailbox(address=ADDRESS, service="FICHIER"), a_mailbox(address=TEAM)]
    first = extraction(*rows)
    assert (first.state, first.warnings["mailbox.of_operator"]) == ("applied", 2)
    assert first.diff == {"create": 0, "update": 0, "close": 0, "same": 0}
    extraction(a_mailbox(address=f"bob@{DOMAIN}"))
    assert mailbox(connection) == ("api", operator.id, "active", "OPERATEUR", True)
    assert mailbox(connection, TEAM) == ("api", operator.id, "withdrawn", None, True)


def test_an_operator_takes_over_what_a_file_brought_and_the_file_loses_it(
    operator: Operator, connection: Connection, extraction: Callable[..., Report]
) -> None:
    extraction(a_mailbox(address=ADDRESS, service="FICHIER"), a_mailbox(address=f"bob@{DOMAIN}"))
    assert mailbox(connection) == ("mssante", None, "active", "FICHIER", False)
    assert operator.patch(ADDRESS, {"rank": 1}, if_match=operator.tag(ADDRESS)).status_code == 200
    assert mailbox(connection) == ("api", operator.id, "active", "FICHIER", True)
    changed = extraction(a_mailbox(address=ADDRESS, service="AUTRE"), a_mailbox(address=f"bob@{DOMAIN}"))
    assert (changed.diff["update"], changed.warnings["mailbox.of_operator"]) == (0, 1)
    gone = extraction(a_mailbox(address=f"bob@{DOMAIN}"))
    assert gone.diff["close"] == 0
    assert mailbox(connection) == ("api", operator.id, "active", "FICHIER", True)


def test_what_no_operator_wrote_is_the_files(
    operator: Operator, connection: Connection, extraction: Callable[..., Report]
) -> None:
    operator.put(TEAM, org())
    extraction(a_mailbox(address=ADDRESS, service="FICHIER"))
    extraction(a_mailbox(address=ADDRESS, service="AUTRE"))
    assert mailbox(connection) == ("mssante", None, "active", "AUTRE", False)
    closed = extraction(a_mailbox(address=f"bob@{DOMAIN}"))
    assert closed.diff["close"] == 1
    row = connection.execute("SELECT withdrawn_at IS NOT NULL, state FROM mailbox WHERE address = %s", [ADDRESS])
    assert row.fetchone() == (True, "withdrawn")


def test_an_address_that_a_file_withdrew_is_in_quarantine_too(
    operator: Operator, connection: Connection, extraction: Callable[..., Report]
) -> None:
    a_practitioner(connection, rpps="99900000078")
    extraction(a_mailbox(address=ADDRESS))
    extraction(a_mailbox(address=f"bob@{DOMAIN}"))
    assert operator.put(ADDRESS, per(practitioner="99900000078")).json()["code"] == "mailbox.quarantined"
    assert operator.put(ADDRESS, per()).status_code == 201
    assert mailbox(connection) == ("api", operator.id, "active", None, True)


def test_a_run_whose_mailbox_an_operator_took_over_is_not_undone(
    operator: Operator, settings: Settings, connection: Connection, extraction: Callable[..., Report], tmp_path: Path
) -> None:
    report = extraction(a_mailbox(address=ADDRESS))
    operator.patch(ADDRESS, {"rank": 1}, if_match=operator.tag(ADDRESS))
    with pytest.raises(Refused, match=ADDRESS) as refused:
        state.undo(settings, report.run, Options(tmp_path))
    assert refused.value.code == "import.undo_refused"
    assert mailbox(connection) == ("api", operator.id, "active", None, True)


def test_nor_is_a_run_that_gave_it_another_holder_or_one_more(
    operator: Operator, settings: Settings, connection: Connection, extraction: Callable[..., Report], tmp_path: Path
) -> None:
    """The mailbox itself was left as it was by that run: its holders stand in rows of their own."""
    a_practitioner(connection, rpps="99900000078")
    extraction(a_mailbox(address=ADDRESS), a_mailbox(address=TEAM))
    other = "899900000078"
    report = extraction(a_mailbox(address=ADDRESS, national_id=other), a_mailbox(address=TEAM))
    operator.patch(ADDRESS, {"rank": 1}, if_match=operator.tag(ADDRESS))
    with pytest.raises(Refused, match=ADDRESS) as refused:
        state.undo(settings, report.run, Options(tmp_path))
    assert refused.value.code == "import.undo_refused"
    held = "SELECT practitioner FROM mailbox_attachment WHERE address = %s"
    assert connection.execute(held, [ADDRESS]).fetchall() == [(other,)]


@pytest.mark.parametrize("holders", [["899900000078"], ["899900000060", "899900000078"]], ids=["another", "one more"])
def test_a_plan_for_its_holders_is_refused_when_an_operator_took_it_over_meanwhile(
    operator: Operator,
    settings: Settings,
    connection: Connection,
    extraction: Callable[..., Report],
    tmp_path: Path,
    holders: list[str],
) -> None:
    a_practitioner(connection, rpps="99900000078")
    extraction(a_mailbox(address=ADDRESS))
    content = file_of(mssante.SOURCE.name, [a_mailbox(address=ADDRESS, national_id=holder) for holder in holders])
    planned = run_one(settings, written(tmp_path, "later.txt", content), accept=NAMES, dry_run=True)
    operator.patch(ADDRESS, {"rank": 1}, if_match=operator.tag(ADDRESS))
    with pytest.raises(Refused, match=ADDRESS) as refused:
        state.apply(settings, planned.run, Options(tmp_path, frozenset(NAMES)))
    assert refused.value.code == "import.outdated"
    held = "SELECT practitioner FROM mailbox_attachment WHERE address = %s"
    assert connection.execute(held, [ADDRESS]).fetchall() == [("899900000060",)]


def test_a_plan_is_refused_when_an_operator_wrote_a_row_of_it_meanwhile(
    operator: Operator, settings: Settings, extraction: Callable[..., Report], tmp_path: Path
) -> None:
    extraction(a_mailbox(address=ADDRESS, service="FICHIER"))
    content = file_of(mssante.SOURCE.name, [a_mailbox(address=ADDRESS, service="AUTRE")])
    planned = run_one(settings, written(tmp_path, "later.txt", content), accept=NAMES, dry_run=True)
    operator.patch(ADDRESS, {"rank": 1}, if_match=operator.tag(ADDRESS))
    with pytest.raises(Refused) as refused:
        state.apply(settings, planned.run, Options(tmp_path, frozenset(NAMES)))
    assert refused.value.code == "import.outdated"


def test_an_admins_file_changes_and_closes_nothing_that_an_operator_wrote(
    operator: Operator, settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    operator.put(ADDRESS, per(service="OPERATEUR"))
    for address in (TEAM, f"bob@{DOMAIN}"):
        operator.put(address, org())
    operator.delete(TEAM, if_match=operator.tag(TEAM))
    line = {"kind": "mailbox", "address": ADDRESS}
    report = handed_in(
        settings,
        tmp_path,
        {**line, "operation": "change", "service": "ADMIN"},
        {**line, "operation": "close", "address": f"bob@{DOMAIN}"},
        {**line, "operation": "create", "address": TEAM, "type": "ORG", "organization": FINESS},
    )
    assert (report.rejected, report.diff["update"], report.diff["close"]) == (3, 0, 0)
    codes = connection.execute("SELECT line, code FROM import_reject ORDER BY line").fetchall()
    assert codes == [(2, "mailbox.of_operator"), (3, "mailbox.of_operator"), (4, "mailbox.of_operator")]
    assert mailbox(connection) == ("api", operator.id, "active", "OPERATEUR", True)


def test_an_operator_takes_over_what_an_admin_wrote(
    operator: Operator, settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    created = {"operation": "create", "kind": "mailbox", "address": ADDRESS, "type": "PER", "practitioner": RPPS}
    assert handed_in(settings, tmp_path, created).diff["create"] == 1
    assert operator.patch(ADDRESS, {"liste_rouge": True}, if_match=operator.tag(ADDRESS)).status_code == 200
    assert mailbox(connection) == ("api", operator.id, "active", None, True)


def test_the_database_itself_lets_no_run_write_what_is_an_operators(operator: Operator, connection: Connection) -> None:
    operator.put(ADDRESS)
    for change in ("source = 'mssante'", "changed_run = 7", "state = 'withdrawn', source = 'delta'"):
        with pytest.raises(psycopg.errors.CheckViolation, match="written by its operator"):
            connection.execute(f"UPDATE mailbox SET {change} WHERE address = %s", [ADDRESS])
    connection.execute("UPDATE mailbox SET operator = %s WHERE address = %s", [operator.id, ADDRESS])
