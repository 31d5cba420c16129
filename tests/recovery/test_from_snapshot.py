"""`annuaire snapshot import`: mailboxes come back from what was published, and what was not published does not."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.cli import main
from app.embedded import Postgres
from app.embedded.secret import signing_key
from app.imports.from_snapshot import NOT_HELD
from app.imports.guards import NAMES
from app.publication import snapshots
from app.publication.drain import drain_all
from app.sandbox.generate import generate
from app.settings import Settings
from app.signing import signing_of
from tests.audit.conftest import Run
from tests.builders import publish
from tests.harness.database import cloned
from tests.imports.files import run

Connection = psycopg.Connection[Any]
# A domain that one operator alone has, and one of its structures and persons.
OWNED = """
SELECT d.name, min(d.operator), (SELECT min(organization) FROM organization_record),
  (SELECT min(national_id) FROM practitioner)
FROM domain_owner d GROUP BY d.name HAVING count(DISTINCT d.operator) = 1 ORDER BY 1 LIMIT 1
"""
WRITE = """
INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, operator, source, unlisted,
  state)
VALUES (%(address)s, split_part(%(address)s, '@', 2), %(type)s, 'CARDIOLOGIE', 'Écrit par l''opérateur', 2, true,
  %(operator)s, 'api', %(unlisted)s, %(state)s)
"""
HOLD = "INSERT INTO mailbox_attachment (address, practitioner, organization) VALUES (%s, %s, %s)"


@dataclass(frozen=True)
class Lost:
    """An installation that is gone: its registers' files, its last snapshot, its keys, and whom it had hidden."""

    registers: tuple[Path, ...]
    white_list: Path
    folder: Path
    keys: Path
    hidden: tuple[str, ...]
    root: str
    mailboxes: int


@pytest.fixture(scope="session")
def lost(migrated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    folder = tmp_path_factory.mktemp("lost")
    files = generate(60, 5, folder / "files")
    white_list = next(file.path for file in files.files if file.path.suffix == ".xml")
    with cloned(migrated) as database:
        settings = Settings(
            _env_file=None,
            database_url=database.dsn,
            ldap_enabled=False,
            snapshot_dir=folder / "snapshots",
            signing_key=signing_key(folder),
        )
        reports = run(settings, folder, *(file.path for file in files.files), accept=NAMES)
        assert {report.state for report in reports} == {"applied"}
        connection = database.connect(autocommit=True)
        hidden = operators_write(connection)
        drain_all(settings)
        made = snapshots.make(settings, connection)
        assert made is not None
        (shown,) = connection.execute("SELECT count(*) FROM publication WHERE kind = 'mailbox'").fetchone() or (0,)
    kept = folder / "keys.json"
    kept.write_text(json.dumps(signing_of(settings).public_keys()), "utf-8")
    registers = tuple(f.path for f in files.files if f.path not in {white_list, files.mailboxes.path})
    return Lost(registers, white_list, folder / "snapshots" / str(made.edition), kept, hidden, made.root, shown)


def operators_write(connection: Connection) -> tuple[str, ...]:
    """One mailbox of each type; one on the red list, one suspended, and one of the file's hidden by its operator."""
    domain, operator, structure, person = connection.execute(OWNED.encode()).fetchone() or ("", "", "", "")
    hidden = []
    for number, (kind, unlisted, state) in enumerate(
        [
            *((kind, False, "active") for kind in ("PER", "ORG", "APP", "CAB")),
            ("PER", True, "active"),
            ("ORG", False, "suspended"),
        ]
    ):
        address = f"operateur{number}@{domain}"
        told = {"address": address, "type": kind, "operator": operator, "unlisted": unlisted, "state": state}
        connection.execute(WRITE.encode(), told)
        connection.execute(HOLD, (address, person if kind in {"PER", "CAB"} else None, structure))
        publish(connection, ("mailbox", address))
        if unlisted or state != "active":
            hidden.append(address)
    (brought,) = connection.execute("SELECT min(address) FROM mailbox WHERE source = 'mssante'").fetchone() or ("",)
    connection.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (brought,))
    publish(connection, ("mailbox", brought))
    return (*hidden, brought)


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    return settings


@pytest.fixture
def found(settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection


def bring(settings: Settings, *files: Path) -> None:
    reports = run(settings, files[0].parent, *files, accept=NAMES)
    assert {report.state for report in reports} == {"applied"}


def back(annuaire: Run, lost: Lost, folder: Path | None = None, keys: Path | None = None) -> tuple[int, Any]:
    return annuaire("snapshot", "import", str(folder or lost.folder), "--keys", str(keys or lost.keys))


def test_with_the_registers_it_is_the_same_directory(
    annuaire: Run, settings: Settings, lost: Lost, found: Connection
) -> None:
    bring(settings, lost.white_list, *lost.registers)
    code, said = back(annuaire, lost)
    assert (code, said["is_equal"], said["root_here"]) == (0, True, lost.root), said["differences"]
    assert said["mailboxes"] == lost.mailboxes
    assert [each["missing"] + each["different"] + each["extra"] for each in said["differences"]] == [0, 0, 0]
    assert found.execute("SELECT count(*) FROM mailbox WHERE address = ANY (%s)", [list(lost.hidden)]).fetchone() == (
        0,
    )
    acts = found.execute("SELECT object_kind, object_key FROM audit WHERE action = 'snapshot.imported'").fetchall()
    assert acts == [("snapshot", str(said["edition"]))]
    # What operators had written is theirs as before: no file closes it.
    assert found.execute("SELECT count(*) FROM mailbox WHERE source = 'api' AND operator IS NULL").fetchone() == (0,)


def test_without_them_it_is_told_and_they_may_come_afterwards(annuaire: Run, settings: Settings, lost: Lost) -> None:
    bring(settings, lost.white_list)
    code, said = back(annuaire, lost)
    assert (code, said["is_equal"]) == (1, False)
    by_kind = {each["kind"]: each for each in said["differences"]}
    # Each address answers at once; what only the registers know comes with them.
    assert (by_kind["mailbox"]["missing"], by_kind["mailbox"]["extra"]) == (0, 0)
    assert by_kind["practitioner"]["missing"] == by_kind["practitioner"]["shown"] > 0
    bring(settings, *lost.registers)
    _, digest = annuaire("digest")
    assert digest["root"] == lost.root


def test_a_directory_with_mailboxes_is_left_alone(annuaire: Run, settings: Settings, lost: Lost) -> None:
    bring(settings, lost.white_list)
    back(annuaire, lost)
    code, said = back(annuaire, lost)
    assert (code, said["error"]["code"]) == (2, "snapshot.not_empty")


def test_operators_come_by_the_white_list_and_not_by_a_snapshot(annuaire: Run, lost: Lost, found: Connection) -> None:
    code, said = back(annuaire, lost)
    assert (code, said["error"]["code"]) == (2, "snapshot.operators")
    assert found.execute("SELECT count(*) FROM mailbox, operator").fetchone() == (0,)


def another_key(lost: Lost, folder: Path) -> Path:
    other = Settings(_env_file=None, signing_key=signing_key(folder))
    (folder / "keys.json").write_text(json.dumps(signing_of(other).public_keys()), "utf-8")
    del lost
    return folder / "keys.json"


@pytest.mark.parametrize("what", ["file", "cut", "manifest", "unsigned", "key", "no keys"])
def test_what_is_not_proved_is_not_imported(
    annuaire: Run, lost: Lost, found: Connection, tmp_path: Path, what: str
) -> None:
    folder, keys = tmp_path / "copy", lost.keys
    shutil.copytree(lost.folder, folder)
    packed, manifest = folder / "directory.ndjson.zst", folder / "manifest.jws"
    if what == "file":
        packed.write_bytes(packed.read_bytes() + b"\0")
    elif what == "cut":
        packed.write_bytes(packed.read_bytes()[:-100])
    elif what == "manifest":
        head, body, seal = manifest.read_text("ascii").split(".")
        manifest.write_text(f"{head}.{body[:-2]}AA.{seal}", "ascii")
    elif what == "unsigned":
        manifest.unlink()
    elif what == "key":
        keys = another_key(lost, tmp_path)
    else:
        keys = tmp_path / "keys"
        keys.write_text("no keys", "utf-8")
    code, said = back(annuaire, lost, folder, keys)
    expected = "snapshot.altered" if what in {"file", "cut"} else "snapshot.unsigned"
    assert (code, said["error"]["code"]) == (2, expected)
    assert found.execute("SELECT count(*) FROM mailbox").fetchone() == (0,)


def test_a_person_is_told_what_did_not_come_back(
    settings: Settings, lost: Lost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(settings, lost.white_list)
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)
    with pytest.raises(SystemExit) as ended:
        main(["snapshot", "import", str(lost.folder), "--keys", str(lost.keys)])
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "the directory is not that edition" in said
    assert "is shown again: ask operators" in said
    assert all(each in said for each in NOT_HELD)
