"""`.env.example` and the settings are one list."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import PREFIX, UNIX_SOCKET, Settings
from tests.docs.markdown import ROOT

EXAMPLE = ROOT / ".env.example"
LINE = re.compile(rf"^# ({PREFIX}[A-Z_]+)=(.*)$", re.MULTILINE)
SHORTEST_EXPLANATION = 60


def described() -> dict[str, str]:
    """Each setting of the example, by its field, with the value that is shown."""
    found = LINE.findall(EXAMPLE.read_text("utf-8"))
    assert len(found) == len({name for name, _ in found})
    return {name.removeprefix(PREFIX).lower(): value for name, value in found}


def test_the_example_names_every_setting_and_no_other() -> None:
    assert list(described()) == list(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_explained_before_it_is_shown(name: str) -> None:
    block = next(block for block in EXAMPLE.read_text("utf-8").split("\n\n") if f"# {PREFIX}{name.upper()}=" in block)
    explanation = " ".join(line for line in block.splitlines() if not line.startswith(f"# {PREFIX}"))
    assert len(explanation) >= SHORTEST_EXPLANATION


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    shown = tmp_path / "env"
    lines = [f"{PREFIX}{name.upper()}={value}" for name, value in described().items() if value]
    shown.write_text("\n".join(lines) + "\n", "utf-8")
    assert Settings(_env_file=shown) == Settings(_env_file=None)


def test_a_value_left_open_is_one_without_default() -> None:
    open_values = {name for name, value in described().items() if not value}
    defaults = Settings(_env_file=None)
    assert open_values == {name for name in Settings.model_fields if getattr(defaults, name) in (None, SecretStr(""))}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_used(name: str) -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py") if path.name != "settings.py")
    assert re.search(rf"settings\.{name}\b|read_settings\(\)\.{name}\b", code)


def test_a_deployment_asks_for_two_persons_and_a_trial_does_not() -> None:
    """The rule of two persons is on where people share a directory, off where one tries it."""
    deployed = (ROOT / "deploy" / "annuaire.env").read_text("utf-8")
    names = re.findall(rf"^{PREFIX}([A-Z_]+)=", deployed, re.MULTILINE)
    assert {name.lower() for name in names} <= set(Settings.model_fields)
    assert Settings(_env_file=ROOT / "deploy" / "annuaire.env").import_second_person
    assert not Settings(_env_file=None).import_second_person


def test_a_deployment_takes_certificates_from_its_proxy_and_publishes_by_no_key() -> None:
    deployed = Settings(_env_file=ROOT / "deploy" / "annuaire.env")
    assert deployed.trusted_proxies == (UNIX_SOCKET,)
    assert deployed.client_ca_file
    assert deployed.client_crl
    assert not deployed.publish_with_key
