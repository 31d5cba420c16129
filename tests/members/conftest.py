"""An annuaire that serves on a port of this machine, and a network that publishes to it by the command line."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import cli
from app.settings import Settings
from tests.builders import a_practitioner, a_structure, an_operator, publish
from tests.harness.network import GATEWAY
from tests.harness.serving import serving
from tests.http.fixtures import key_for, registry

__all__ = ["key_for", "registry"]

OPERATOR, DOMAIN = GATEWAY
OTHER_DOMAIN = "autre.mssante.fr"
# Two doctors of one name in one town, and a nurse.
ANNE, NAMESAKE, NURSE = "99900000060", "99900000151", "99900000003"
Connection = psycopg.Connection[Any]
Rows = Sequence[dict[str, str]]


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool": 4, "log_level": "error", "publish_with_key": True})


@pytest.fixture
def served(api_settings: Settings) -> Iterator[str]:
    """The API on a port; its URL."""
    with serving(api_settings) as url:
        yield url


@pytest.fixture
def world(registry: Connection) -> Connection:
    """Two namesakes and a nurse at one hospital, published, and a white list in force that names the network."""
    structure = a_structure(registry)
    people = [
        a_practitioner(registry, rpps=ANNE, organization=structure),
        a_practitioner(registry, rpps=NAMESAKE, organization=structure),
        a_practitioner(
            registry, rpps=NURSE, family="INFIRMIER", given="Luc", profession="60", skill=None, organization=structure
        ),
    ]
    registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    an_operator(registry, OPERATOR, name="RÉSEAU EXEMPLE", domains=(DOMAIN,))
    an_operator(registry, "1990000010", name="AUTRE", domains=(OTHER_DOMAIN,))
    publish(registry, ("organization", structure), *(("practitioner", person) for person in people))
    return registry


@dataclass
class Network:
    """A network with a file and a key: `publish` runs the command, and gives exit code and JSON."""

    registry: Connection
    folder: Path
    run: Callable[..., tuple[int, Any]]
    key: Path

    def file(self, rows: Rows, name: str = "members.csv") -> Path:
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def publish(self, rows: Rows, *options: str) -> tuple[int, Any]:
        return self.run(str(self.file(rows)), "--key-file", str(self.key), *options)

    def report(self, kind: str = "report") -> list[dict[str, str]]:
        with (self.folder / f"members.{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))

    def codes(self) -> list[str]:
        return [line["report_code"] for line in self.report()]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run `annuaire … --json` in this process: exit code, and its object."""

    def run(*arguments: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        code = ended.value.code
        assert isinstance(code, int)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def network(
    served: str,
    world: Connection,
    key_for: Callable[..., dict[str, str]],
    command: Callable[..., tuple[int, Any]],
    tmp_path: Path,
) -> Network:
    key = tmp_path / "publish.key"
    key.write_text(key_for("publish", operator=OPERATOR)["Authorization"].removeprefix("Bearer ") + "\n", "ascii")
    return Network(world, tmp_path, lambda *given: command("mailbox", "publish", *given, "--url", served), key)
