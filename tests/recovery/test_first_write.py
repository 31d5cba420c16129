"""Whoever writes first in a restored or promoted directory writes into another history: a table of all writers.

The programs of each case ran before, and go on: no one of them was told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.access.audit_verify import verify
from app.db import connect
from app.imports.guards import NAMES
from app.publication import bulk
from app.publication.drain import Drain
from app.settings import Settings
from tests.audit.acts import a_trail
from tests.audit.conftest import Run
from tests.builders import DOMAIN, a_mailbox, publish
from tests.http.fixtures import Connection
from tests.imports.files import SITES, run
from tests.mailbox_writes.operators import OTHER, Operator, org, per, together

# Where nobody is: another cluster, another timeline, another database.
ELSEWHERE = "1/00000001/1"
BEFORE = f"avant@{DOMAIN}"


@dataclass
class Running:
    """What runs, and was looked at, before the directory stands elsewhere."""

    api: TestClient
    operator: Operator
    admin: dict[str, str]
    annuaire: Run
    settings: Settings
    registry: Connection
    folder: Path

    def __post_init__(self) -> None:
        assert self.operator.put(BEFORE).status_code == 201
        self.tag = self.operator.tag(BEFORE)
        # Something that a drain would find.
        self.waiting = a_mailbox(self.registry, f"attend@{DOMAIN}")
        self.registry.commit()

    def mark(self) -> None:
        self.registry.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", [self.waiting])
        self.registry.commit()


@pytest.fixture
def running(
    client: TestClient,
    operator: Operator,
    key_for: Callable[..., dict[str, str]],
    annuaire: Run,
    api_settings: Settings,
    registry: Connection,
    tmp_path: Path,
) -> Running:
    return Running(client, operator, key_for("admin"), annuaire, api_settings, registry, tmp_path)


def put(running: Running) -> None:
    assert running.operator.put(body=per()).status_code == 201


def patch(running: Running) -> None:
    answer = running.operator.patch(BEFORE, {"service": "X"}, if_match=running.tag)
    assert answer.status_code == 200


def hide(running: Running) -> None:
    answer = running.operator.patch(BEFORE, {"liste_rouge": True}, if_match=running.tag)
    assert answer.status_code == 200


def delete(running: Running) -> None:
    answer = running.operator.delete(BEFORE, if_match=running.tag)
    assert answer.status_code == 204


def batch(running: Running) -> None:
    items = [{"operation": "put", "address": f"b{number}@{DOMAIN}", **org()} for number in range(3)]
    answer = running.api.post("/v1/mailboxes/batch", json={"items": items}, headers=running.operator.headers)
    assert [each["status"] for each in answer.json()["results"]] == [201] * 3


def webhook(running: Running) -> None:
    wish = {"url": "https://recepteur.example/annuaire"}
    assert running.api.post("/v1/me/webhooks", json=wish, headers=running.operator.headers).status_code == 201


def key(running: Running) -> None:
    assert running.annuaire("key", "issue", "--name", "another", "--scope", "read")[0] == 0


def candidate(running: Running) -> None:
    assert running.annuaire("operator", "add", OTHER, "--name", "AUTRE")[0] == 0


def drain(running: Running) -> None:
    running.mark()
    with connect(running.settings, autocommit=True) as connection:
        assert Drain(connection, 100, 1_000).step()[0] == 1


def whole(running: Running) -> None:
    running.registry.execute("TRUNCATE publication")
    running.registry.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    running.registry.commit()
    with connect(running.settings, autocommit=True) as connection:
        bulk.publish_all(running.settings, connection)


def importer(running: Running) -> None:
    (report,) = run(running.settings, running.folder, SITES, accept=NAMES)
    assert report.state == "applied"


def prompt(running: Running) -> None:
    publish(running.registry, ("mailbox", running.waiting))


def trail(running: Running) -> None:
    a_trail(running.registry, 2)


ALWAYS = (put, batch, key, drain, importer)
WRITERS = (*ALWAYS, patch, hide, delete, webhook, candidate, whole, prompt, trail)


def move(registry: Connection) -> tuple[str, int, int]:
    """The directory stands elsewhere. Returns its epoch, its edition, and the last act of its trail."""
    registry.execute("UPDATE directory SET witness = %s", [ELSEWHERE])
    registry.commit()
    return standing(registry)


def standing(registry: Connection) -> tuple[str, int, int]:
    row = registry.execute("SELECT d.epoch, d.edition, h.sequence FROM directory d, audit_head h").fetchone()
    registry.commit()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.mark.parametrize(
    "write", [pytest.param(each, marks=() if each in ALWAYS else pytest.mark.fault) for each in WRITERS]
)
def test_the_first_write_of_anybody_stands_in_another_history(
    running: Running, reader: dict[str, str], write: Callable[[Running], None]
) -> None:
    followed = running.api.get("/v1/changes", headers=reader).json()["next"]
    epoch, edition, act = move(running.registry)
    write(running)
    begun, reached, _ = standing(running.registry)
    assert begun != epoch
    acts = running.registry.execute(
        "SELECT action, object_key FROM audit WHERE sequence > %s ORDER BY sequence", [act]
    ).fetchall()
    # It comes before whatever was done, and once.
    assert acts[0] == ("history.begun", epoch)
    assert [action for action, _ in acts].count("history.begun") == 1
    running.registry.commit()
    assert verify(running.registry).is_whole
    answer = running.api.get("/v1/changes", params={"after": followed}, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (410, "feed.cursor_expired")
    write_again = running.operator.put(f"encore@{DOMAIN}")
    assert write_again.status_code == 201
    assert standing(running.registry)[0] == begun
    assert reached >= edition


def test_of_two_who_see_it_at_once_one_begins_it(running: Running) -> None:
    epoch, _, act = move(running.registry)
    answers = together(*(lambda n=n: running.operator.put(f"c{n}@{DOMAIN}", body=org()) for n in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    said = running.registry.execute(
        "SELECT object_key FROM audit WHERE sequence > %s AND action = 'history.begun'", [act]
    ).fetchall()
    assert said == [(epoch,)]


def test_what_is_not_restored_goes_on(running: Running) -> None:
    before, _, _ = standing(running.registry)
    for write in (put, key, batch):
        write(running)
    assert standing(running.registry)[0] == before
