"""Commands of the trust space, run as their user runs them."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app import cli
from app.settings import Settings
from tests.harness.database import Database

Annuaire = Callable[..., tuple[int, Any]]


@pytest.fixture
def connection(database: Database) -> psycopg.Connection[Any]:
    """A connection that looks at what commands did; each of its statements is a transaction."""
    return database.connect(autocommit=True)


@pytest.fixture
def annuaire(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Annuaire:
    """Run a command with --json: (exit code, its object)."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ANNUAIRE_KEY_PEPPER", settings.key_pepper.get_secret_value())

    def run(*arguments: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        code = ended.value.code
        assert isinstance(code, int)
        return code, json.loads(capsys.readouterr().out)

    return run
