"""`annuaire import …`, `operator …` and `domain …` as their users run them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app import cli
from app.imports.guards import NAMES
from app.settings import Settings
from tests.imports import files
from tests.imports.files import written

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def annuaire(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run one command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return run


def test_one_file_is_one_object_and_several_are_a_list(annuaire: Run) -> None:
    code, out, _ = annuaire("import", "run", files.SITES, "--json")
    assert (code, json.loads(out)["source"]) == (0, "finess")
    code, out, _ = annuaire("import", "run", files.MAILBOXES, files.PERSONS, "--json")
    assert (code, [report["source"] for report in json.loads(out)]) == (0, ["personne_activite", "mssante"])


def test_rejected_lines_end_with_1_and_lie_under_var(annuaire: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", files.MAILBOXES.read_bytes() + b"short\n")
    code, out, _ = annuaire("import", "run", path, "--json")
    rejects = Path(json.loads(out)["rejects"])
    assert code == 1
    assert rejects.parent == tmp_path / "var" / "rejects"
    assert rejects.read_text("utf-8").splitlines()[1].startswith("short|8|line.field_count|Le nombre ")


def test_the_worst_file_decides_the_exit_code(annuaire: Run) -> None:
    assert annuaire("import", "run", files.SITES, files.CUT_LIST)[0] == 2


def test_a_file_that_is_not_there_is_a_usage_error(annuaire: Run) -> None:
    code, _, err = annuaire("import", "run", "nowhere.txt")
    assert code == 64
    assert "nowhere.txt" in err


def test_a_guard_that_does_not_exist_is_a_usage_error(annuaire: Run) -> None:
    code, _, err = annuaire("import", "run", files.SITES, "--accept-guard", "everything")
    assert code == 64
    assert ", ".join(NAMES) in err


def test_rejects_that_cannot_be_written_refuse_the_file(annuaire: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", files.MAILBOXES.read_bytes() + b"short\n")
    code, out, _ = annuaire("import", "run", path, "--rejects", path, "--json")
    report = json.loads(out)
    assert (code, report["state"], report["guards"][0]["name"]) == (2, "failed", "import.rejects")
    _, out, _ = annuaire("import", "list", "--json")
    assert [run["state"] for run in json.loads(out)] == ["failed"]


def test_a_dry_run_then_the_run_then_the_list(annuaire: Run) -> None:
    assert annuaire("import", "run", files.SITES, "--dry-run")[0] == 0
    assert "applied" in annuaire("import", "run", files.SITES)[1]
    code, out, _ = annuaire("import", "list", "--json")
    assert (code, [run["state"] for run in json.loads(out)]) == (0, ["applied", "planned"])
    assert len(annuaire("import", "list", "--limit", "1")[1].splitlines()) == 1


def test_a_run_is_shown_with_its_rejects(annuaire: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", files.MAILBOXES.read_bytes() + b"short\n")
    run = json.loads(annuaire("import", "run", path, "--json")[1])
    shown = json.loads(annuaire("import", "show", run["run"], "--json")[1])
    assert {key: shown[key] for key in ("lines", "diff", "rejects", "edition", "stamp")} == {
        key: run[key] for key in ("lines", "diff", "rejects", "edition", "stamp")
    }
    assert annuaire("import", "show", "nothing")[0] == 2


def test_operators_and_domains_of_the_white_list_are_listed(annuaire: Run) -> None:
    assert "import a white list" in annuaire("operator", "list")[1]
    assert annuaire("import", "run", files.SHORT_LIST)[0] == 0
    found = json.loads(annuaire("operator", "list", "--json")[1])
    assert len({each["id"] for each in found}) == len(found) > 10
    assert set(found[0]) == {"id", "name", "certificates", "domains", "state"}
    shown = json.loads(annuaire("operator", "show", found[0]["id"], "--json")[1])
    assert {name: shown[name] for name in found[0]} == found[0]
    assert (shown["waiver"], shown["may_publish"], shown["missing"]) == ("white list", True, [])
    assert annuaire("operator", "show", "nobody")[0] == 2
    domains = json.loads(annuaire("domain", "list", "--json")[1])
    assert len(domains) == 516
    assert all(each["operators"] for each in domains)
    assert "contact" not in json.dumps(domains[0])
