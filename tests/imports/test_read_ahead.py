"""Files of one command: read while others are applied, and applied as if each had been read alone."""

from pathlib import Path

import pytest

from app.db import connect
from app.imports.inputs import Input, inputs_of
from app.imports.options import Options
from app.imports.pipeline import importer
from app.imports.read_ahead import drafts
from app.settings import Settings
from tests.imports import files
from tests.imports.files import run, written


def test_the_second_file_of_a_source_is_compared_with_the_first(settings: Settings, tmp_path: Path) -> None:
    head, *lines = files.MAILBOXES.read_bytes().splitlines(keepends=True)
    today = written(tmp_path, "Extraction_Correspondance_MSSante_202609230200.txt", head + b"".join(lines))
    tomorrow = written(tmp_path, "Extraction_Correspondance_MSSante_202609240200.txt", head + b"".join(lines[1:]))
    accept = ("shrink", "changes", "file_shrank", "domain_losses", "operator_losses")
    reports = run(settings, tmp_path, tomorrow, files.PERSONS, files.SITES, today, accept=accept)
    assert [(report.source, report.state, report.mode) for report in reports] == [
        ("finess", "applied", "first"),
        ("personne_activite", "applied", "first"),
        ("mssante", "applied", "first"),
        ("mssante", "applied", "delta"),
    ]
    assert reports[-1].diff["close"] == 1


def test_a_refused_file_among_others_leaves_the_others_alone(settings: Settings, tmp_path: Path) -> None:
    mixed = files.PERSONS.read_bytes().decode().encode("cp1252") + files.PERSONS.read_bytes().splitlines()[1]
    persons = written(tmp_path, "persons.txt", mixed)
    states = {
        each.source: each.state for each in run(settings, tmp_path, files.MAILBOXES, files.SKILLS, persons, files.SITES)
    }
    assert states == {
        "finess": "applied",
        "personne_activite": "refused",
        "savoir_faire": "applied",
        "mssante": "applied",
    }


def stop_after_the_first(settings: Settings, options: Options, inputs: list[Input]) -> None:
    with importer(settings) as connection:
        for draft in drafts(connection, settings, options, inputs):
            assert draft.report.state == "planned"
            raise KeyboardInterrupt


def test_whoever_stops_stops_the_reader_too(settings: Settings, tmp_path: Path) -> None:
    """The reader ends with the command: its run stays `failed`, and no lock or statement of it goes on."""
    inputs = [each for path in (files.SITES, files.PERSONS, files.MAILBOXES) for each in inputs_of(path)]
    with pytest.raises(KeyboardInterrupt):
        stop_after_the_first(settings, Options(tmp_path), inputs)
    with connect(settings, autocommit=True) as connection:
        states: dict[str, str] = dict(connection.execute("SELECT source, state FROM import_run").fetchall())
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state <> 'idle'"
        ).fetchone()
    assert set(states.values()) == {"failed"}
    assert others == (0,)
