"""F16, an upgrade under load: versions N-1 and N side by side, then N alone; nobody notices (invariant I12)."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest

from app.db import connect
from app.embedded import Postgres, free_port
from app.schema.standing import look, scripts
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.faults.clients import DONE, PATIENCE, made
from tests.faults.commands import CODE, Process, done, started_from, words
from tests.faults.gate import until
from tests.faults.installation import ADDRESSES, Installation, installed
from tests.faults.publishing import STEADY, beside
from tests.faults.report import Tell, Tried
from tests.faults.rolling import OK, Balancer, Looker, Pace, PacedClients, PacedReader
from tests.harness.database import Database, cloned
from tests.harness.next_version import INDEXES, next_code

HEAD = scripts().get_heads()[0]
ANYWHERE = "http://annuaire"
QUESTIONS = (f"/v1/mailboxes/{STEADY}", "/v1/practitioners?name=exemple", "/v1/organizations/1990000010")
DURING = ("while the schema changes", "on the new schema", "side by side")
# Answers in each phase.
FEW, MANY = 60, 1_000
IN_STEP = "SELECT coalesce(bool_and(s.edition = d.edition), false) FROM directory d CROSS JOIN ldap_seen s"


@dataclass
class Fleet:
    """Nodes and a worker of one installation, under a load whose `answers` are waited for in each phase."""

    one: Installation
    ldap_uri: str
    answers: int
    stack: ExitStack
    pace: Pace = field(default_factory=Pace)
    balancer: Balancer = field(default_factory=Balancer)
    nodes: dict[str, Process] = field(default_factory=dict)

    def start(self, code: Path) -> str:
        """A node of this code, which gets no requests yet. Returns its url."""
        node = replace(self.one, port=free_port(), code=code)
        self.nodes[node.url] = self.stack.enter_context(node.serving())
        return node.url

    def retire(self, url: str) -> None:
        """The balancer leaves this node alone, then it is stopped."""
        self.balancer.retire(url)
        ended(self.nodes.pop(url))

    def worker(self, code: Path) -> Process:
        more = {"ldap_enabled": "true", "ldap_uri": self.ldap_uri, "snapshot_hours": "0"}
        return self.stack.enter_context(started_from(code, self.one.database, self.one.folder, "worker", **more))

    def upgrade(self, code: Path) -> None:
        """The schema of this code."""
        assert done(self.one.database, self.one.folder, "db", "upgrade", code=code) == 0, words(self.one.folder)

    def is_ready(self, url: str) -> bool:
        return httpx2.get(f"{url}/readyz", timeout=PATIENCE).status_code == OK

    def phase(self, name: str) -> None:
        """The load goes on for so many answers, which are counted under this name."""
        self.pace.phase = name
        goal = self.pace.count(name) + self.answers
        until(lambda: self.pace.count(name) >= goal, f"{self.answers} answers {name}")

    @contextmanager
    def under_load(self) -> Iterator[tuple[PacedClients, Looker, PacedReader]]:
        """Writers, who looks up, searches and follows, and LDAP: all at work."""
        with httpx2.Client(transport=self.balancer, base_url=ANYWHERE, timeout=PATIENCE) as client:
            made(client, self.one.headers, ADDRESSES, self.one.history)
        with connect(self.one.settings, autocommit=True) as connection:
            until(lambda: connection.execute(IN_STEP).fetchone() == (True,), "the tree holds all of it")
        reader = PacedReader(self.ldap_uri, self.one.settings.ldap_suffix)
        writers = PacedClients(self.balancer, self.pace, self.one.headers, ADDRESSES, self.one.history)
        looker = Looker(self.balancer, self.pace, self.one.headers, QUESTIONS)
        with ExitStack() as work:
            work.callback(self.balancer.end)
            work.enter_context(beside(looker, reader))
            work.enter_context(writers.at_work())
            yield writers, looker, reader


def ended(process: Process) -> None:
    """It ends by itself when it is asked to."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) in {0, -signal.SIGTERM}


@contextmanager
def fleet_of(
    code: Path, database: Database, folder: Path, settings: Settings, *, nodes: int, answers: int
) -> Iterator[tuple[Fleet, Process]]:
    """So many nodes of this code, and its worker, with one mailbox that nobody writes."""
    with ExitStack() as stack:
        one = installed(database, folder, settings)
        with database.connect() as registry:
            publish(registry, ("mailbox", a_mailbox(registry, STEADY)))
        fleet = Fleet(one, settings.ldap_uri, answers, stack)
        for _ in range(nodes):
            fleet.balancer.add(fleet.start(code))
        yield fleet, fleet.worker(code)


def roll(fleet: Fleet, newer: Sequence[str]) -> None:
    """These nodes, ready since the schema is theirs, take the places of the present ones, one by one."""
    for older, url in zip(list(fleet.balancer.nodes), newer, strict=True):
        assert fleet.is_ready(url)
        fleet.balancer.add(url)
        fleet.phase("side by side")
        fleet.retire(older)


def harmless(fleet: Fleet, load: tuple[PacedClients, Looker, PacedReader], tell: Tell, what: str) -> None:
    """Nothing is lost or broken and every answer was right; it is told, with p99 beside that of before."""
    writers, looker, reader = load
    lost, broken = fleet.one.harm(writers)
    broken += looker.wrong + reader.wrong
    broken += [f"{count} writes answered {status}" for status, count in writers.statuses.items() if status not in DONE]
    slowest = max(fleet.pace.p99(phase) for phase in DURING if fleet.pace.count(phase))
    answers = looker.answers + reader.answers + writers.statuses.total()
    told = f"{what}: {answers} answers, p99 {slowest / fleet.pace.p99('before'):.1f} times that before"
    tell(Tried("F16", told, 1, len(lost), len(broken)))
    assert (lost, broken) == ([], [])
    assert looker.told > 0


@pytest.mark.parametrize(
    ("nodes", "answers"),
    [
        pytest.param(1, FEW, id="short"),
        pytest.param(3, MANY, id="long", marks=[pytest.mark.fault, pytest.mark.timeout(1_200)]),
    ],
)
def test_an_upgrade_that_only_adds_is_noticed_by_nobody(
    database: Database, ldap_settings: Settings, tmp_path: Path, tell: Tell, nodes: int, answers: int
) -> None:
    code = next_code(tmp_path / "newer")
    with fleet_of(CODE, database, tmp_path, ldap_settings, nodes=nodes, answers=answers) as (fleet, older):
        # Pods of the new version start beside the present ones, and wait for their schema.
        newer = [fleet.start(code) for _ in range(nodes)]
        with fleet.under_load() as load:
            fleet.phase("before")
            assert not any(fleet.is_ready(url) for url in newer)
            fleet.pace.phase = "while the schema changes"
            fleet.upgrade(code)
            fleet.phase("on the new schema")
            assert all(fleet.is_ready(url) for url in fleet.nodes)
            assert older.poll() is None
            roll(fleet, newer)
            ended(older)
            worker = fleet.worker(code)
            fleet.phase("after")
        ended(worker)
        harmless(fleet, load, tell, f"N, whose migrations only add, replaces N-1 (nodes: {nodes})")
    assert look(database.connect()).revisions == (INDEXES,)


@pytest.fixture
def version_before(tmp_path: Path) -> Path:
    """The code of the commit before the one that brought the newest migration."""
    newest = Path(scripts().get_revision(HEAD).path).relative_to(CODE)
    log = ["git", "log", "--diff-filter=A", "--format=%H", "--", str(newest)]
    brought = subprocess.run(log, cwd=CODE, capture_output=True, text=True, check=False).stdout.split()
    if not brought:
        pytest.skip("the history of the code is not here")
    folder = tmp_path / "older"
    folder.mkdir()
    archive = subprocess.run(["git", "archive", f"{brought[-1]}^"], cwd=CODE, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("the history of the code is cut before the newest migration")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


@pytest.mark.fault
@pytest.mark.timeout(1_200)
def test_the_version_before_is_replaced_by_this_one(
    postgres: Postgres, ldap_settings: Settings, tmp_path: Path, version_before: Path, tell: Tell
) -> None:
    with cloned(postgres, "template0") as database:
        assert done(database, tmp_path, "db", "upgrade", code=version_before) == 0, words(tmp_path)
        before = look(database.connect(autocommit=True)).revisions
        settings = ldap_settings.model_copy(update={"database_url": database.dsn})
        with fleet_of(version_before, database, tmp_path, settings, nodes=2, answers=MANY) as (fleet, older):
            newer = [fleet.start(CODE) for _ in range(2)]
            with fleet.under_load() as load:
                fleet.phase("before")
                fleet.pace.phase = "while the schema changes"
                fleet.upgrade(CODE)
                fleet.phase("on the new schema")
                assert older.poll() is None
                roll(fleet, newer)
                ended(older)
                worker = fleet.worker(CODE)
                fleet.phase("after")
            ended(worker)
            told = f"the code of {HEAD} replaces that of {before[0]} (nodes: 2)"
            harmless(fleet, load, tell, told)
        assert look(database.connect()).revisions == (HEAD,)
