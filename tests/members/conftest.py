"""An annuaire that serves on a port of this machine, and a network that publishes to it by the command line."""

import csv
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn

from app import cli
from app.embedded import free_port
from app.main import create_app
from app.settings import Settings
from tests.builders import a_practitioner, a_structure, an_operator, publish
from tests.harness.network import GATEWAY
from tests.http.fixtures import key_for, registry

__all__ = ["key_for", "registry"]

PATIENCE = 60.0
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


class serving:  # noqa: N801 - a context
    """The API of these settings on a port, in a thread."""

    def __init__(self, settings: Settings) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        http = create_app(settings.model_copy(update={"issuer": self._url}))
        config = uvicorn.Config(http, "127.0.0.1", port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            assert self._thread.is_alive(), "the API ended before it served"
            assert time.monotonic() < deadline, "the API does not start"
            time.sleep(0.01)
        return self._url

    def __exit__(self, *raised: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


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
