"""The command root: exit codes, refusals and help, whatever the command."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import structlog
import typer

from app import cli
from app.console import Refused, emit, one_line, progress
from app.embedded import Postgres, free_port
from app.schema.program import VERSION
from app.schema.standing import scripts
from app.settings import Settings
from tests.harness.database import Database, cloned

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process → (exit code, stdout, stderr)."""

    def _run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, said.out, said.err

    return _run


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["up", "--prot", "1"], ["up", "--port", "many"], ["up", "--port", "0"], []]
)
def test_a_usage_error_ends_with_64(run: Run, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 64


def test_a_usage_error_is_json_when_json_is_asked(run: Run) -> None:
    code, out, err = run("up", "--json", "--prot", "1")
    assert (code, json.loads(out)["error"]["code"]) == (64, "usage")
    assert err.startswith("annuaire: No such option: --prot")


def test_a_refusal_is_one_sentence_and_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_LDAP_SUFIX", "dc=x")
    code, out, err = run("worker", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "setting.invalid")
    assert err.count("\n") == 1
    assert "ANNUAIRE_LDAP_SUFIX" in err


def test_an_absent_database_is_one_sentence_and_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", "postgresql:///annuaire?host=/nowhere")
    code, out, err = run("db", "upgrade", "--check")
    assert (code, out) == (2, "")
    assert err.startswith("annuaire: PostgreSQL does not answer: ")
    assert err.count("\n") == 1


def test_an_interrupted_command_says_so_and_ends_with_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "examine", interrupted)
    assert run("doctor") == (3, "", "annuaire: interrupted before the end\n")
    code, out, _ = run("doctor", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "interrupted")


def test_missing_migrations_are_counted_and_applied(
    run: Run, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloned(postgres, template="template0") as empty:
        monkeypatch.setenv("ANNUAIRE_DATABASE_URL", empty.dsn)
        _apply(run)


def _apply(run: Run) -> None:
    code, out, _ = run("db", "upgrade", "--check", "--json")
    missing = json.loads(out)["checked"]
    assert code == 1
    assert missing == sorted(missing)
    assert missing
    told = run("db", "upgrade", "--check")[1].splitlines()
    assert told[0] == f"missing: {', '.join(missing)}"
    assert told[-1].startswith("space: ")
    code, out, _ = run("db", "upgrade", "--json")
    assert (code, json.loads(out)["applied"]) == (0, missing)
    assert run("db", "upgrade", "--check")[0:2] == (0, "missing: nothing\n")


def test_the_version_is_told_with_the_schema_it_expects(run: Run) -> None:
    assert run("--version") == (0, f"annuaire {VERSION}, schema {scripts().get_current_head()}\n", "")


def test_every_command_has_help_with_an_example_and_takes_json(run: Run) -> None:
    for path in _paths(typer.main.get_command(cli.app)):
        code, out, _ = run(*path, "--help")
        assert code == 0
        assert "Example: annuaire " + " ".join(path) in " ".join(out.split()), path
        assert "--json" in out, path


def test_what_a_command_logs_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["import", "--help"])
    capsys.readouterr()
    structlog.get_logger("a test").warning("something to know")
    captured = capsys.readouterr()
    assert "something to know" in captured.err
    assert captured.out == ""


def _paths(command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that is no group."""
    if not hasattr(command, "commands"):
        yield above
    for name, below in getattr(command, "commands", {}).items():
        yield from _paths(below, (*above, name))


def test_results_go_to_stdout_as_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"name": "Élise"}, as_json=True)
    assert capsys.readouterr().out == '{"name": "Élise"}\n'
    emit({"name": "Élise"}, as_json=False, text="hello")
    assert capsys.readouterr().out == "hello\n"


def test_an_instant_is_written_as_rest_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    paris = timezone(timedelta(hours=2))
    emit({"at": datetime(2026, 9, 23, 2, 0, 5, 7, paris)}, as_json=True)
    assert capsys.readouterr().out == '{"at": "2026-09-23T00:00:05.000007Z"}\n'


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("rows", 10) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_library_s_words_become_one_line() -> None:
    assert one_line(Refused("a\n\tb ")) == "a b"


def test_the_digest_of_an_empty_directory(run: Run, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", database.dsn)
    code, out, _ = run("digest", "--json")
    told = json.loads(out)
    assert (code, told["edition"], len(told["root"])) == (0, 0, 64)
    assert run("digest")[1] == f"{told['root']}  edition 0\n"


def test_doctor_says_that_the_rule_of_domains_is_off(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ANNUAIRE_LDAP_ENABLED", "false")
    code, out, _ = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(out)["findings"]}
    assert code == 0
    assert findings["schema"]["ok"] is True
    assert "rule of domains is off" in findings["white list"]["detail"]
    assert "switched off" in findings["ldap"]["detail"]


def test_serving_without_a_pepper_is_refused_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANNUAIRE_KEY_PEPPER", raising=False)
    code, out, err = run("serve", "--json", "--port", str(free_port()))
    assert (code, json.loads(out)["error"]["code"]) == (2, "setting.missing")
    assert err.count("\n") == 1


def test_a_fault_of_ours_does_not_look_like_rejected_rows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data_dir: object) -> Settings:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(cli, "settings_for", broken)
    status, out, err = run("doctor", "--json")
    assert status == 2
    assert json.loads(out)["error"]["code"] == "internal"
    assert "ZeroDivisionError" in err


def test_what_the_system_refuses_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_data_dir: object) -> Settings:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "settings_for", full)
    status, _, err = run("doctor")
    assert status == 2
    assert err.count("\n") == 1
    assert "No space left on device" in err
