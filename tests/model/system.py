"""The real thing, one for each history: a database with the base world, the API as a process, and files to import.

The base world was made by the import engine, once: four professionals of one hospital, two operators of three domains
(one of each, one shared), and two mailboxes that an extraction brought.
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from psycopg import sql

from app.access.keys import issue
from app.embedded import Postgres, Slapd
from app.imports.guards import NAMES
from app.imports.report import Report
from app.imports.sources import mssante, personne_activite
from app.settings import Settings
from tests.builders import FINESS
from tests.harness.database import TEMPLATE, Database, cloned
from tests.imports.files import run_one, written
from tests.imports.sources.loader import file_of
from tests.imports.sources.rows import a_mailbox, an_activity, an_organization_mailbox
from tests.imports.test_white_list import entry, white_list
from tests.mailbox_writes.operators import Operator
from tests.model.children import PATIENCE, Child, serve
from tests.model.directory import Box, Directory, Pair
from tests.model.runs import Line

Connection = psycopg.Connection[Any]
BASE = "template_model"
ALPHA, BETA = "1750160012", "318751275100020"
OPERATORS = (ALPHA, BETA)
CERTIFICATES = {ALPHA: f"CN=a,OU={ALPHA},O=ALPHA,C=FR", BETA: f"CN=b,OU={BETA},O=BETA,C=FR"}
DOMAINS = ("alpha.mssante.fr", "beta.mssante.fr", "commun.mssante.fr")
PAIRS = ((DOMAINS[0], ALPHA), (DOMAINS[1], BETA), (DOMAINS[2], ALPHA), (DOMAINS[2], BETA))
# The first is never struck off: the hospital is known through her.
PEOPLE = ("99900000060", "99900000078", "99900000086", "99900000094")
ADDRESSES = tuple(f"{name}@{domain}" for domain in DOMAINS for name in ("anne", "bruno"))
BROUGHT = {ADDRESSES[4]: Line("PER", PEOPLE[1], "FICHIER"), ADDRESSES[0]: Line("ORG", FINESS, None)}
# Long enough for a machine on which something else runs.
LOOK = 0.005
SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND split_part(application_name, '/', 1) LIKE %s
"""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, for PATIENCE seconds at most."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(LOOK)


def base_model() -> Directory:
    """The base world as the model has it."""
    boxes = {
        address: Box(address, line.type, line.holder, None, "mssante", service=line.service, run="base")
        for address, line in BROUGHT.items()
    }
    return Directory(
        people=dict.fromkeys(PEOPLE, True),
        operators=dict.fromkeys(OPERATORS, "active"),
        pairs={pair: Pair("liste_blanche", "base") for pair in PAIRS},
        certified=dict.fromkeys(OPERATORS, "base"),
        boxes=boxes,
        were_public=set(boxes),
    )


@dataclass(frozen=True)
class Base:
    """The template of every history, and the keys that stand in it."""

    server: Postgres
    slapd: Slapd
    settings: Settings
    keys: Mapping[str, str]
    runs: frozenset[str]
    acts: int


def made_base(server: Postgres, slapd: Slapd, settings: Settings, folder: Path) -> Base:
    """Make the base world, once for each test process."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        names = sql.Identifier(BASE), sql.Identifier(TEMPLATE)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(names[0]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    ours = settings.model_copy(update={"database_url": server.dsn(BASE)})
    runs = set()
    for path in (persons_file(folder, PEOPLE), list_file(folder, PAIRS), extraction_file(folder, BROUGHT)):
        report = run_one(ours, path, accept=NAMES)
        assert report.state == "applied", report.guards
        runs.add(report.run)
    with psycopg.connect(server.dsn(BASE)) as connection:
        keys = {op: issue(connection, ours.key_pepper, op, ["publish"], op)[1] for op in OPERATORS}
        keys["reader"] = issue(connection, ours.key_pepper, "reader", ["read"], None)[1]
        (acts,) = connection.execute("SELECT count(*) FROM audit").fetchone() or (0,)
    return Base(server, slapd, settings, keys, frozenset(runs), acts)


def persons_file(folder: Path, people: Iterator[str] | tuple[str, ...] | list[str]) -> Path:
    rows = [an_activity(f"8{rpps}", family=f"EXEMPLE {'ABCD'[PEOPLE.index(rpps)]}") for rpps in people]
    return written(folder, "persons.txt", file_of(personne_activite.SOURCE.name, rows))


def list_file(folder: Path, pairs: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> Path:
    return white_list(folder, *(entry(domain, CERTIFICATES[operator]) for domain, operator in pairs))


def extraction_file(folder: Path, lines: Mapping[str, Line]) -> Path:
    rows = [
        a_mailbox(address, national_id=f"8{line.holder}", service=line.service or "")
        if line.type == "PER"
        else an_organization_mailbox(address, service=line.service or "")
        for address, line in lines.items()
    ]
    return written(folder, "mailboxes.txt", file_of(mssante.SOURCE.name, rows))


@dataclass
class System:
    """One installation. `client` calls its API; `connection` looks into its database; `slapd` is what it exports to."""

    database: Database
    settings: Settings
    folder: Path
    keys: Mapping[str, str]
    connection: Connection
    slapd: Slapd
    children: list[Child] = field(default_factory=list)
    client: httpx2.Client = field(default_factory=httpx2.Client)

    @property
    def socket(self) -> Path:
        return self.folder / "api.sock"

    def start(self) -> None:
        """Start the API, wait until it answers, and speak to this process from now on."""
        self.children.append(Child(serve, self.settings, self.socket))
        until(self._answers, "the API answers")
        self.client.close()
        transport = httpx2.HTTPTransport(uds=str(self.socket))
        self.client = httpx2.Client(transport=transport, base_url="http://annuaire", timeout=PATIENCE)

    def kill(self) -> None:
        """kill -9 the API."""
        self.children.pop().kill()

    def kill_slapd(self) -> None:
        """kill -9, and another one on the same files."""
        assert self.slapd.process is not None
        self.slapd.process.kill()
        self.slapd.stop()
        self.slapd.start()

    def restart(self) -> None:
        """Another process in its place, once PostgreSQL knows that the first is gone."""
        self.wait_for_sessions("annuaire-api")
        self.start()

    def wait_for_sessions(self, name: str) -> None:
        """Until no session of this name is left: what a killed process had sent is done by then, or never will be."""
        until(lambda: self.connection.execute(SESSIONS, [name]).fetchone() == (0,), f"the sessions of {name} ended")

    def operator(self, identifier: str) -> Operator:
        return Operator(self.client, identifier, self.headers(identifier))

    def headers(self, who: str | None) -> dict[str, str]:
        return {} if who is None else {"Authorization": f"Bearer {self.keys[who]}"}

    def get(self, url: str, who: str | None = None) -> httpx2.Response:
        return self.client.get(url, headers={**self.headers(who), "X-Request-ID": "model"})

    def imported(self, path: Path) -> Report:
        """What a file did, every guard accepted."""
        report = run_one(self.settings, path, accept=NAMES)
        assert report.state == "applied", report.guards
        return report

    def _answers(self) -> bool:
        """Whether it listens: it does so once it has started."""
        assert self.children[-1].is_alive, "the API ended"
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0


@contextmanager
def installed(base: Base, folder: Path) -> Iterator[System]:
    """An installation of one history's own."""
    with cloned(base.server, BASE) as database:
        base.slapd.empty()
        settings = base.settings.model_copy(update={"database_url": database.dsn})
        connection = database.connect(autocommit=True)
        system = System(database, settings, folder, base.keys, connection, base.slapd)
        try:
            system.start()
            yield system
        finally:
            system.client.close()
            for child in system.children:
                child.kill()
