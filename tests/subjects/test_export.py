"""Subject access: everything of one person, hidden and past included, nothing of anybody else, and noted."""

import json
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import cli
from app.settings import Settings
from app.subjects.export import STATEMENT
from tests.builders import DOMAIN, RPPS, a_mailbox, a_practitioner, a_structure, publish
from tests.docs.markdown import ROOT
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
Run = Callable[..., tuple[int, Any]]
HIDDEN, SHOWN, OTHERS = f"cachee@{DOMAIN}", f"anne.exemple@{DOMAIN}", f"bob@{DOMAIN}"
STRANGER = "99900000078"


@pytest.fixture
def annuaire(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)

    def run(*arguments: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        assert isinstance(ended.value.code, int)
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def registry(database: Database) -> Connection:
    """One person with a shown and a hidden mailbox at a structure, a line of a file that was refused; and another."""
    connection = database.connect()
    structure = a_structure(connection)
    person, other = a_practitioner(connection, organization=structure), a_practitioner(connection, rpps=STRANGER)
    a_mailbox(connection, SHOWN, practitioner=person, organization=structure)
    a_mailbox(connection, HIDDEN, practitioner=person, unlisted=True)
    a_mailbox(connection, OTHERS, practitioner=other)
    connection.execute(
        "INSERT INTO import_run (id, source, file_name, file_sha256, state) VALUES ('r', 'mssante', 'f', '', 'refused')"
    )
    for rpps in (RPPS, STRANGER):
        connection.execute(
            "INSERT INTO import_reject (run, line, code, detail, content) VALUES ('r', 2, 'type.unknown', '', %s)",
            [f"XYZ|quelqu.un@{DOMAIN}|8|{rpps}|EXEMPLE"],
        )
    connection.execute("CREATE UNLOGGED TABLE import_kept.mssante (digest bytea, practitioner text, family text)")
    connection.execute(
        "INSERT INTO import_kept.mssante VALUES ('', %s, 'EXEMPLE'), ('', %s, 'AUTRE')", [RPPS, STRANGER]
    )
    publish(
        connection, ("practitioner", person), ("practitioner", other), *(("mailbox", each) for each in (SHOWN, OTHERS))
    )
    return connection


@pytest.mark.usefixtures("registry")
def test_everything_of_one_person_and_nothing_of_another(annuaire: Run) -> None:
    code, document = annuaire("person", "export", RPPS)
    kept = document["kept"]
    assert (code, document["person"]) == (0, "8" + RPPS)
    assert {row["address"]: row["unlisted"] for row in kept["mailbox"]} == {SHOWN: False, HIDDEN: True}
    assert {row["key"] for row in kept["change"]} == {"8" + RPPS, SHOWN}
    assert {"practice", "practitioner_role", "skill", "mailbox_attachment", "publication"} <= set(kept)
    assert [row["family"] for row in kept["import_kept.mssante"]] == ["EXEMPLE"]
    assert len(kept["import_reject"]) == 1
    assert STRANGER not in json.dumps(document)
    assert OTHERS not in json.dumps(document)


def test_who_asked_stands_in_the_trail_and_in_the_next_answer(registry: Connection, annuaire: Run) -> None:
    annuaire("person", "export", f"8{RPPS}")
    row = registry.execute("SELECT action, object_key, actor FROM audit").fetchall()
    assert [(action, key) for action, key, _ in row] == [("person.exported", "8" + RPPS)]
    assert row[0][2].startswith("account ")
    assert len(annuaire("person", "export", RPPS)[1]["kept"]["audit"]) == 1


@pytest.mark.usefixtures("registry")
def test_a_file_is_new_and_its_owners_alone(annuaire: Run, tmp_path: Path) -> None:
    out = tmp_path / "subject.json"
    code, told = annuaire("person", "export", RPPS, "--out", str(out))
    assert (code, told["rows"]["mailbox"]) == (0, 2)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert HIDDEN in out.read_text("utf-8")
    assert annuaire("person", "export", RPPS, "--out", str(out))[0] == 2


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("asked", ["99900000094", "nobody", ""])
def test_of_whom_nothing_is_kept_is_said(annuaire: Run, asked: str) -> None:
    code, told = annuaire("person", "export", asked)
    assert (code, told["error"]["code"]) == (2, "person.unknown")


def test_every_table_that_names_a_person_is_in_the_answer_or_left_out_for_a_reason() -> None:
    listed = tomllib.loads((ROOT / "docs" / "security" / "columns.toml").read_text("utf-8"))
    personal = {table for table, columns in listed["tables"].items() if columns["personal"]}
    assert {table for table in personal if f" {table} x" not in STATEMENT} == set(listed["not_in_export"])
