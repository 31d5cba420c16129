"""An installation that a fault is done to: the API as a process, and programs of an operator that write over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from app.access.keys import issue
from app.embedded import free_port
from app.settings import Settings
from tests.builders import DOMAIN, a_practitioner, a_structure, an_operator, publish
from tests.faults.clients import Clients, made
from tests.faults.commands import CODE, Process, started_from, words
from tests.faults.gate import until
from tests.faults.history import History
from tests.faults.world import broken_in
from tests.harness.database import Database

CLIENTS, MAILBOXES = 8, 24
POOL = 4
GET_SECONDS = 15
ADDRESSES = tuple(f"b{number}@{DOMAIN}" for number in range(MAILBOXES))


@dataclass
class Installation:
    """`reached`: how the API reaches the database, perhaps over a line; `headers`: the operator's key.

    `code`: the folder of the code that serves.
    """

    database: Database
    reached: Database
    folder: Path
    settings: Settings
    headers: dict[str, str]
    history: History
    more: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    code: Path = CODE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[Process]:
        """`annuaire serve`, answering."""
        pepper = self.settings.key_pepper.get_secret_value()
        given = {"key_pepper": pepper, "publish_with_key": "true", "database_pool": str(POOL), **self.more}
        command = ("serve", "--port", str(self.port))
        with started_from(self.code, self.reached, self.folder, *command, **given) as process:
            until(lambda: self._answers(process), "the API answers")
            yield process

    def get(self, path: str, headers: dict[str, str] | None = None) -> int:
        """The status of a GET, by nobody unless headers say who; 0 without answer."""
        try:
            return httpx2.get(f"{self.url}{path}", headers=headers, timeout=GET_SECONDS).status_code
        except httpx2.TransportError:
            return 0

    def _answers(self, process: Process) -> bool:
        assert process.poll() is None, words(self.folder)
        return self.get("/healthz") == 200

    def clients(self, seed: int, count: int = CLIENTS) -> Clients:
        """Programs that write, on mailboxes that are published first. The API serves."""
        with httpx2.Client(base_url=self.url, timeout=60) as client:
            made(client, self.headers, ADDRESSES, self.history)
        return Clients(self.url, self.headers, ADDRESSES, self.history, count=count, seed=seed)

    def harm(self, clients: Clients) -> tuple[list[str], list[str]]:
        """(acknowledged writes that are lost, invariants that are broken, wrong answers among them)."""
        with self.database.connect(autocommit=True) as connection:
            lost = clients.lost(connection)
        return lost, broken_in(self.settings, words(self.folder)) + clients.wrong


def installed(database: Database, folder: Path, settings: Settings, reached: Database | None = None) -> Installation:
    """An operator with a key and one domain, and one person, published; the white list is in force."""
    with database.connect() as registry:
        structure = a_structure(registry)
        person = a_practitioner(registry, organization=structure)
        operator = an_operator(registry)
        registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
        _, key = issue(registry, settings.key_pepper, "an operator", ("publish", "admin"), operator)
        publish(registry, ("organization", structure), ("practitioner", person))
    ours = settings.model_copy(update={"database_url": database.dsn})
    headers = {"Authorization": f"Bearer {key}"}
    return Installation(database, reached or database, folder, ours, headers, History(folder / "history"))
