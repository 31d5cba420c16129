"""The API in process, and commands as their user runs them, for every test of this folder."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app import cli
from app.settings import Settings
from tests.http.fixtures import api_settings, client, key_for, reader, registry

__all__ = ["api_settings", "client", "key_for", "reader", "registry"]

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def annuaire(api_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json: (exit code, its object)."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", api_settings.database_url)
    monkeypatch.setenv("ANNUAIRE_KEY_PEPPER", api_settings.key_pepper.get_secret_value())

    def run(*arguments: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        code = ended.value.code
        assert isinstance(code, int)
        return code, json.loads(capsys.readouterr().out)

    return run
