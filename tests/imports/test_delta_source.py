"""What an admin's file does to the registry: exactly what it names, and nothing that cannot be meant."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.imports.delta_form import LABELS
from app.imports.execute import undo_run
from app.imports.options import Options
from app.imports.pipeline import importer, publish_runs
from app.imports.report import Report
from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.harness.database import Database
from tests.imports.files import run, run_one, written
from tests.imports.workbooks import a_workbook

Connection = psycopg.Connection[Any]
ANNE = "anne-elise.exemple@medecin-exemple.mssante.fr"
HOSPITAL_BOX = "secretariat.cardio@ch-exemple.mssante.fr"
RPPS = "99900000060"
HOSPITAL = "990000010"
NEW = "nouvelle@ch-exemple.mssante.fr"
NEW_SITE = "999999998"
Row = dict[str, str]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(60, 1, tmp_path_factory.mktemp("day"))


@pytest.fixture
def loaded(settings: Settings, database: Database, day: Generated, tmp_path: Path) -> Connection:
    """A small directory, whole, and a connection to it."""
    reports = run(settings, tmp_path, *(file.path for file in day.files))
    assert {report.state for report in reports} == {"applied"}
    return database.connect(autocommit=True)


def handed_in(settings: Settings, folder: Path, *rows: Row, name: str = "delta.csv") -> Report:
    lines = [";".join(LABELS), *(";".join(row.get(label, "") for label in LABELS) for row in rows)]
    return run_one(settings, written(folder, name, "\n".join(lines).encode()), accept=("shrink", "changes"))


def mailbox(operation: str, address: str = NEW, **cells: str) -> Row:
    return {"operation": operation, "kind": "mailbox", "address": address, **cells}


def structure(operation: str, **cells: str) -> Row:
    return {"operation": operation, "kind": "organization", **cells}


def one(connection: Connection, columns: str, address: str) -> tuple[Any, ...] | None:
    return connection.execute(f"SELECT {columns} FROM mailbox WHERE address = %s", [address]).fetchone()


def holders(connection: Connection, address: str) -> list[tuple[Any, ...]]:
    query = "SELECT practitioner, organization FROM mailbox_attachment WHERE address = %s ORDER BY 1, 2"
    return connection.execute(query, [address]).fetchall()


def is_published(connection: Connection, address: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM publication WHERE kind = 'mailbox' AND key = %s", [address]
    ).fetchone()
    return row == (1,)


def test_a_mailbox_is_created_with_all_its_holders(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    full = mailbox(
        "create", NEW.upper(), type="org", organization=HOSPITAL, service="URGENCES", description="Accueil", rank="2",
        dematerialization="oui", responsible="Direction",
    )  # fmt: skip
    second = mailbox("create", type="ORG", organization=f"1{HOSPITAL}", practitioner=RPPS)
    report = handed_in(settings, tmp_path, full, second)
    assert (report.source, report.state, report.rejected, report.diff["create"]) == ("delta", "applied", 0, 1)
    columns = "type, service, description, rank, dematerialization, unlisted, responsible, state, source"
    assert one(loaded, columns, NEW) == (
        "ORG", "URGENCES", "Accueil", 2, True, False, "Direction", "active", "delta",
    )  # fmt: skip
    assert holders(loaded, NEW) == [(f"8{RPPS}", f"1{HOSPITAL}"), (None, f"1{HOSPITAL}")]
    assert is_published(loaded, NEW)


def test_a_change_leaves_what_its_cells_leave_empty(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    before = one(loaded, "type, dematerialization, source", HOSPITAL_BOX)
    people = holders(loaded, HOSPITAL_BOX)
    report = handed_in(settings, tmp_path, mailbox("change", HOSPITAL_BOX, description="Réponse sous 48 h", rank="3"))
    assert (report.state, report.diff["update"]) == ("applied", 1)
    assert one(loaded, "type, dematerialization, source", HOSPITAL_BOX) == before
    assert one(loaded, "service, description, rank", HOSPITAL_BOX) == ("CARDIOLOGIE", "Réponse sous 48 h", 3)
    assert holders(loaded, HOSPITAL_BOX) == people
    handed_in(settings, tmp_path, mailbox("change", HOSPITAL_BOX, description="-", rank="-"), name="b.csv")
    assert one(loaded, "service, description, rank", HOSPITAL_BOX) == ("CARDIOLOGIE", None, None)


def test_what_was_changed_by_hand_outlives_the_next_extraction(
    loaded: Connection, settings: Settings, tmp_path: Path, day: Generated
) -> None:
    handed_in(settings, tmp_path, mailbox("change", HOSPITAL_BOX, service="URGENCES"), mailbox("close", ANNE))
    text = day.mailboxes.path.read_bytes().replace(b"Jean.DESSAI", b"jean.dessai")
    (report,) = run(settings, tmp_path, written(tmp_path, "next.txt", text))
    assert report.state == "applied"
    assert one(loaded, "service, source", HOSPITAL_BOX) == ("URGENCES", "delta")
    assert one(loaded, "state", ANNE) == ("withdrawn",)


def test_a_closed_mailbox_is_published_no_more_and_may_come_back(
    loaded: Connection, settings: Settings, tmp_path: Path
) -> None:
    report = handed_in(settings, tmp_path, mailbox("close", ANNE))
    assert (report.state, report.diff["close"]) == ("applied", 1)
    assert not is_published(loaded, ANNE)
    handed_in(settings, tmp_path, mailbox("create", ANNE, type="PER", practitioner=RPPS), name="b.csv")
    assert is_published(loaded, ANNE)


def test_the_red_list_by_hand_hides_at_once(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    handed_in(settings, tmp_path, mailbox("change", ANNE, liste_rouge="O"))
    assert not is_published(loaded, ANNE)


def test_new_holders_replace_the_old_ones(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    handed_in(settings, tmp_path, mailbox("change", ANNE, organization=HOSPITAL))
    assert holders(loaded, ANNE) == [(f"8{RPPS}", f"1{HOSPITAL}")]
    handed_in(settings, tmp_path, mailbox("change", ANNE, organization="-"), name="b.csv")
    assert holders(loaded, ANNE) == [(f"8{RPPS}", None)]


def test_a_structure_is_created_changed_and_closed(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    created = structure(
        "create",
        finess=NEW_SITE,
        name="CENTRE NEUF",
        type="124",
        postal_code="25000",
        city="BESANCON",
        street="DE L EXEMPLE",
    )
    report = handed_in(settings, tmp_path, created, mailbox("create", type="ORG", organization=NEW_SITE))
    assert (report.state, report.rejected) == ("applied", 0)
    columns = "name, type, finess, postal_code, city, department, country"
    query = f"SELECT {columns} FROM organization_record WHERE source = 'delta'"
    assert loaded.execute(query).fetchall() == [
        ("CENTRE NEUF", "124", NEW_SITE, "25000", "BESANCON", "25", "France"),
    ]
    assert holders(loaded, NEW) == [(None, f"1{NEW_SITE}")]
    handed_in(settings, tmp_path, structure("change", finess=NEW_SITE, name="CENTRE", street="-"), name="b.csv")
    assert loaded.execute("SELECT name, street, city FROM organization_record WHERE source = 'delta'").fetchall() == [
        ("CENTRE", None, "BESANCON")
    ]
    handed_in(settings, tmp_path, structure("close", finess=NEW_SITE), name="c.csv")
    assert loaded.execute(query).fetchall() == []


def test_a_structure_of_a_register_gets_a_record_laid_over_it(
    loaded: Connection, settings: Settings, tmp_path: Path
) -> None:
    handed_in(settings, tmp_path, structure("change", finess=HOSPITAL, street="DU PONT NEUF"))
    query = "SELECT name, street, city FROM organization_record WHERE organization = %s AND source = %s"
    register = loaded.execute(query, [f"1{HOSPITAL}", "finess"]).fetchone()
    ours = loaded.execute(query, [f"1{HOSPITAL}", "delta"]).fetchone()
    assert register
    assert ours == (None, "DU PONT NEUF", register[2])


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (mailbox("add"), "operation", "operation.unknown"),
        ({"operation": "create", "kind": "box"}, "kind", "kind.unknown"),
        (mailbox("create", "no address"), "address", "address.at_sign"),
        (mailbox("create", ""), "address", "address.missing"),
        (mailbox("create", ANNE, type="PER"), "address", "mailbox.exists"),
        (mailbox("change"), "address", "mailbox.unknown"),
        (mailbox("close"), "address", "mailbox.unknown"),
        (mailbox("create", type="BAL"), "type", "type.unknown"),
        (mailbox("create"), "type", "type.unknown"),
        (mailbox("create", "a@inconnu.fr", type="APP"), "address", "domain.unlisted"),
        (mailbox("create", type="PER", practitioner="1234"), "practitioner", "national_id.form"),
        (mailbox("create", type="PER", practitioner="10001234567"), "practitioner", "practitioner.not_found"),
        (mailbox("create", type="PER"), "practitioner", "practitioner.missing"),
        (mailbox("create", type="ORG"), "organization", "organization.missing"),
        (mailbox("create", type="ORG", organization="123456789"), "organization", "organization.not_found"),
        (mailbox("change", ANNE, service="X" * 91), "service", "service.too_long"),
        (mailbox("change", ANNE, rank="0"), "rank", "rank.form"),
        (mailbox("change", ANNE, rank="premier"), "rank", "rank.form"),
        (mailbox("change", ANNE, dematerialization="peut-être"), "dematerialization", "answer.form"),
        (mailbox("change", ANNE, liste_rouge="-"), "liste_rouge", "answer.form"),
        (structure("create", name="X"), "finess", "id.missing"),
        (structure("create", finess="99000001", name="X"), "finess", "finess.form"),
        (structure("create", finess="999999997", name="X"), "finess", "finess.check_digit"),
        (structure("create", siret="1234", name="X"), "siret", "siret.form"),
        (structure("create", siret="12345678901234", name="X"), "siret", "siret.check_digit"),
        (structure("create", finess=HOSPITAL, name="X"), "finess", "organization.exists"),
        (structure("create", finess=NEW_SITE), "name", "name.missing"),
        (structure("create", finess=NEW_SITE, name="X", postal_code="1000"), "postal_code", "postal_code.form"),
        (structure("change", finess=NEW_SITE), "finess", "organization.not_found"),
        (structure("close", finess=HOSPITAL), "operation", "organization.registered"),
    ],
)
def test_what_cannot_be_meant_changes_nothing_and_says_why(
    loaded: Connection, settings: Settings, tmp_path: Path, row: Row, column: str, code: str
) -> None:
    report = handed_in(settings, tmp_path, row)
    assert report.rejected == 1
    found = loaded.execute('SELECT line, "column", code, detail FROM import_reject').fetchall()
    assert [each[:3] for each in found] == [(2, column, code)]
    assert report.diff["create"] == report.diff["update"] == report.diff["close"] == 0


def test_a_second_line_on_the_same_thing_is_rejected(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    report = handed_in(settings, tmp_path, mailbox("change", ANNE, rank="1"), mailbox("close", ANNE.upper()))
    assert (report.rejected, report.diff["update"]) == (1, 1)
    assert loaded.execute("SELECT line, code FROM import_reject").fetchall() == [(3, "entity.repeated")]


def test_a_workbook_does_the_same(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    content = a_workbook(mailbox("create", type="ORG", organization=HOSPITAL, service="ÉTÉ"))
    report = run_one(settings, written(tmp_path, "delta.xlsx", content))
    assert (report.source, report.state, report.diff["create"]) == ("delta", "applied", 1)
    assert one(loaded, "service", NEW) == ("ÉTÉ",)


def test_the_same_file_again_has_nothing_to_do(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    row = mailbox("change", ANNE, rank="1")
    handed_in(settings, tmp_path, row)
    again = handed_in(settings, tmp_path, row, name="again.csv")
    assert again.diff["create"] == again.diff["update"] == again.diff["close"] == 0
    assert one(loaded, "rank", ANNE) == (1,)


def test_an_undo_gives_back_what_was_there(loaded: Connection, settings: Settings, tmp_path: Path) -> None:
    before = registry(loaded)
    digest = published(loaded)
    report = handed_in(
        settings,
        tmp_path,
        structure("create", finess=NEW_SITE, name="CENTRE NEUF", city="BESANCON"),
        mailbox("create", type="ORG", organization=NEW_SITE),
        mailbox("change", HOSPITAL_BOX, organization="-", rank="4"),
        mailbox("close", ANNE),
        structure("change", finess=HOSPITAL, trade_name="HOPITAL"),
    )
    assert report.rejected == 0
    assert registry(loaded) != before
    options = Options(tmp_path)
    with importer(settings) as connection:
        undone = undo_run(connection, settings, report.run, options)
        publish_runs(connection, settings, [undone], options)
    assert undone.state == "undone"
    assert registry(loaded) == before
    assert published(loaded) == digest


def registry(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What the registry says of mailboxes and structures, without clocks, surrogate keys and marks of runs."""
    kept = {
        "mailbox": "address, type, service, rank, state, source, unlisted",
        "mailbox_attachment": "address, practitioner, organization, family, organization_name",
        "organization": "key",
        "organization_record": "organization, source, name, trade_name, city",
    }
    return {
        table: sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=str)
        for table, columns in kept.items()
    }


def published(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT kind, key, fingerprint FROM publication ORDER BY kind, key").fetchall()
