"""What the log says of an error: enough to find it, and nobody's name."""

import json
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
import structlog
from sqlalchemy import create_engine

from app import logs, worker
from app.console import Refused
from app.db import sqlalchemy_url
from app.faults import fault, told
from app.imports.options import Options
from app.imports.pipeline import import_files
from app.settings import Settings
from tests.harness.database import Database
from tests.imports import files
from tests.imports.files import written

CANARY = "canari.dupont"
QUOTING = [
    (
        "INSERT INTO notice (operator, code, kind, key, detail) VALUES (%s, 'c', 'k', %s, '')",
        "ForeignKeyViolation 23503",
    ),
    ("SELECT %s::integer, %s", "InvalidTextRepresentation 22P02"),
    ("SELECT 1 FROM nowhere WHERE a = %s AND b = %s", 'UndefinedTable 42P01: relation "nowhere" does not exist'),
    ("INSERT INTO pending (kind, key) VALUES (%s, %s)", "CheckViolation 23514"),
]


@pytest.mark.parametrize(("statement", "said"), QUOTING)
def test_what_postgres_quotes_is_left_out(database: Database, statement: str, said: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        database.connect(autocommit=True).execute(statement.encode(), (CANARY, CANARY))
    assert fault(raised.value).startswith(said)
    text = told(raised.value)
    assert "test_faults.py" in text
    assert CANARY not in text


def test_what_our_own_functions_raise_is_left_out(database: Database) -> None:
    with pytest.raises(psycopg.Error) as raised:
        database.connect(autocommit=True).execute(f"DO $$ BEGIN RAISE 'no {CANARY}'; END $$")
    assert fault(raised.value) == "RaiseException P0001"


def test_the_parameters_of_sqlalchemy_are_left_out(database: Database) -> None:
    engine = create_engine(sqlalchemy_url(database.dsn))
    try:
        with pytest.raises(sqlalchemy.exc.DBAPIError) as raised, engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT CAST(:a AS integer)"), {"a": CANARY})
    finally:
        engine.dispose()
    assert CANARY in str(raised.value)
    assert fault(raised.value) == "InvalidTextRepresentation 22P02"
    assert CANARY not in told(raised.value)


def test_an_error_that_led_to_another_is_told_too() -> None:
    def failing() -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise OSError(28, "No space left on device") from error

    with pytest.raises(OSError, match="space") as raised:
        failing()
    first, then = told(raised.value).split("\n\nthen:\n\n")
    assert first.endswith("ValueError")
    assert then.endswith("OSError: [Errno 28] No space left on device")
    assert fault(Refused("take another file")) == "Refused: take another file"


def test_a_line_with_an_exception_has_its_places_and_not_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        int(CANARY)
    except ValueError:
        structlog.get_logger().exception("it failed")
    (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["level"], line["exception"].splitlines()[-1]) == ("it failed", "error", "ValueError")
    assert CANARY not in json.dumps(line)


def test_lines_of_the_worker_say_whose_they_are(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that loses its server says so under its own name."""
    stop = threading.Event()

    def lost(_: Settings, __: threading.Event) -> None:
        stop.set()
        raise OSError(111, "Connection refused")

    logs.configure("info")
    thread = threading.Thread(target=worker._kept_alive, args=("drain", lost, settings, stop, []))
    thread.start()
    thread.join()
    (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert (line["loop"], line["error"]) == ("drain", "ConnectionRefusedError: [Errno 111] Connection refused")


def test_lines_of_an_import_carry_its_run(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info")
    spoilt = written(tmp_path, f"{CANARY}.txt", files.MAILBOXES.read_bytes() + f"{CANARY}|line\n".encode())
    (report,) = import_files(settings, [spoilt], Options(tmp_path / "rejects", frozenset()))
    err = capsys.readouterr().err
    said: dict[str, dict[str, Any]] = {line["event"]: line for line in map(json.loads, _json(err))}
    assert said["import read"]["run"] == said["import published"]["run"] == report.run
    assert said["import read"]["rejected"] == 1
    assert said["import published"]["edition"] == report.edition_after
    assert CANARY not in err


def _json(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("{")]
