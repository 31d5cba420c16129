"""However an address came to be hidden, it answers like one that never was: byte for byte, on reads and on writes.

Two addresses of one length stand beside each other in one directory. The first has a history, the second has none; who
asks about either gets the same words, the address itself aside.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from app.embedded import Postgres, Slapd
from app.ldap.sync import sync_once
from tests.builders import publish
from tests.confidentiality import ldap, world
from tests.confidentiality.conftest import World, settings_of
from tests.confidentiality.questions import SOME_DAY
from tests.confidentiality.world import OWN, rpps
from tests.harness.asgi import Answer, Served, ask, serving
from tests.harness.database import Database, cloned

Connection = psycopg.Connection[Any]
Headers = tuple[tuple[str, str], ...]
Step = tuple[str, Mapping[str, Any] | None]

ANY_STATE = ("If-Match", "*")
PUBLIC: Step = ("PUT", {})
HIDDEN: Step = ("PUT", {"liste_rouge": True})
HIDE: Step = ("PATCH", {"liste_rouge": True})
SHOW: Step = ("PATCH", {"liste_rouge": False})
SUSPEND: Step = ("PATCH", {"state": "suspended"})
WITHDRAW: Step = ("DELETE", None)
STRIKE_OFF: Step = ("its holder leaves the register", None)
MOVE: Step = ("it moves to a new address", None)
HISTORIES: Mapping[str, tuple[Step, ...]] = {
    "hidden from the first": (HIDDEN,),
    "suspended from the first": (("PUT", {"state": "suspended"}),),
    "public, then hidden": (PUBLIC, HIDE),
    "public, then suspended": (PUBLIC, SUSPEND),
    "hidden, shown, hidden": (HIDDEN, SHOW, HIDE),
    "hidden, then withdrawn": (HIDDEN, WITHDRAW),
    "suspended, then withdrawn": (PUBLIC, SUSPEND, WITHDRAW),
    "public, hidden, then withdrawn": (PUBLIC, HIDE, WITHDRAW),
    "withdrawn, then given back hidden": (PUBLIC, WITHDRAW, HIDDEN),
    "holder struck off, then hidden": (PUBLIC, STRIKE_OFF, HIDE),
    "hidden, then holder struck off": (HIDDEN, STRIKE_OFF),
    "hidden, then moved to a new address": (HIDDEN, MOVE),
}
CALLERS = ("somebody", "reader", "bound reader", "stranger", "co-owner", "candidate")
VARYING = re.compile(rb'"id":\d+|/v1/transfers/\d+|"proposed_at":"[^"]+"')


def address_of(history: str) -> tuple[str, str]:
    """The address with this history, and one of the same length with none."""
    number = list(HISTORIES).index(history)
    return f"histoire.{number}@{OWN}", f"personne.{number}@{OWN}"


class Directory:
    """A copy of the world in which every history has happened."""

    def __init__(self, served: Served, connection: Connection, keys: Mapping[str, str]) -> None:
        self._served = served
        self._connection = connection
        self._keys = keys

    def happen(self, history: str) -> None:
        number = list(HISTORIES).index(history)
        address, holder = address_of(history)[0], rpps(10 + number)
        for verb, members in HISTORIES[history]:
            if (verb, members) == STRIKE_OFF:
                self._strike_off(f"8{holder}")
            elif (verb, members) == MOVE:
                self._move(address)
            else:
                body = {"type": "PER", "practitioner": holder, **(members or {})} if verb == "PUT" else members
                state = () if verb == "PUT" else (ANY_STATE,)
                answer = self.ask("owner", verb, f"/v1/mailboxes/{address}", body, state)
                assert answer.status in {200, 201, 204}, answer.body

    def ask(self, caller: str, method: str, target: str, body: Any = None, headers: Headers = ()) -> Answer:
        known = (("Authorization", f"Bearer {self._keys[caller]}"),) if caller in self._keys else ()
        sent = (*known, ("X-Request-ID", "the-same"), ("Content-Type", "application/json"), *headers)
        content = b"" if body is None else json.dumps(body).encode()
        return self._served.run(ask(self._served.apps[0], method, target, sent, content))

    def _strike_off(self, holder: str) -> None:
        self._connection.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = %s", (holder,))
        publish(self._connection, ("practitioner", holder))

    def _move(self, address: str) -> None:
        self._connection.execute(
            "INSERT INTO transfer (scope, key, new_address, from_operator, to_operator, effective_at, state,"
            " proposed_by) VALUES ('mailbox', %s, %s, %s, %s, now(), 'agreed', %s)",
            (address, f"arrivee@{world.FOREIGN}", world.OWNER, world.STRANGER, world.STRANGER),
        )
        self._connection.commit()
        settled = "SELECT settle_transfer(id, 1000) FROM transfer WHERE state = 'agreed'"
        assert self._connection.execute(settled).fetchall() == [("done",)]
        self._connection.commit()


@pytest.fixture(scope="module")
def database(migrated: Postgres, copied: World) -> Iterator[Database]:
    with cloned(migrated, copied.template) as clone:
        yield clone


@pytest.fixture(scope="module")
def directory(database: Database, copied: World) -> Iterator[Directory]:
    with serving(settings_of(database, "ldapi:///none")) as served:
        made = Directory(served, database.connect(), copied.keys)
        for history in HISTORIES:
            made.happen(history)
        yield made


def questions(address: str, caller: str) -> Iterator[tuple[str, str, Any, Headers]]:
    """Everything that can be asked about one address."""
    path = f"/v1/mailboxes/{quote(address, safe='@')}"
    content = {"type": "PER", "practitioner": rpps(0)}
    for method, target in (
        ("GET", path),
        ("HEAD", path),
        ("GET", f"/v1/search?q={quote(address)}"),
        ("GET", path.upper().replace("/V1/MAILBOXES", "/v1/mailboxes")),
    ):
        yield method, target, None, ()
    for held in ("*", '"1-0123456789abcdef"'):
        yield "GET", path, None, (("If-None-Match", held),)
    for batch in ("lookup", "check"):
        yield "POST", f"/v1/mailboxes/{batch}", {"addresses": [address, address.upper()]}, ()
    for document in ("letter", "administrative", "application_message"):
        yield "POST", "/v1/resolve", {"address": address, "document": document}, ()
    for state in ((), (ANY_STATE,), (("If-None-Match", "*"),)):
        yield "PUT", path, content, state
        yield "PATCH", path, {"rank": 1}, state
        yield "DELETE", path, None, state
    lines = [
        {"operation": "put", "address": address, **content},
        {"operation": "patch", "address": address, "rank": 1, "if_match": "*"},
        {"operation": "delete", "address": address, "if_match": "*"},
    ]
    for way in ("skip", "abort"):
        yield "POST", f"/v1/mailboxes/batch?on_error={way}", {"items": lines}, ()
    moves: list[dict[str, str]] = [{"to": world.CO_OWNER}, {"from": world.OWNER}]
    if caller == "stranger":
        moves.append({"from": world.OWNER, "new_address": f"x{address.partition('@')[0]}@{world.FOREIGN}"})
    for move in moves:
        yield "POST", "/v1/transfers", {"mailbox": address, "effective_at": SOME_DAY, **move}, ()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("history", HISTORIES)
def test_a_hidden_address_answers_like_one_that_never_was(directory: Directory, history: str, caller: str) -> None:
    address, never = address_of(history)
    both = zip(questions(address, caller), questions(never, caller), strict=True)
    for one, other in both:
        told = [_without(name, directory.ask(caller, *each)) for name, each in ((address, one), (never, other))]
        assert told[0] == told[1], one


@pytest.mark.parametrize("history", HISTORIES)
def test_the_owner_alone_knows_it(directory: Directory, history: str) -> None:
    """The histories are what their names say: an address that is still there is its owner's to read."""
    answer = directory.ask("owner", "GET", f"/v1/mailboxes/{address_of(history)[0]}")
    is_gone = HISTORIES[history][-1] in (WITHDRAW, MOVE)
    assert answer.status == (404 if is_gone else 200)


def test_the_tree_holds_none_of_them(
    directory: Directory, database: Database, slapd: Slapd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert directory is not None
    sync_once(settings_of(database, slapd.ldapi_uri))
    asked = [f"(mail={address})" for history in HISTORIES for address in address_of(history)]
    found = ldap.answers(slapd, asked, tmp_path_factory.mktemp("filters"))
    assert "dn: mail=" not in found
    assert found.count("result: 0 Success") == len(asked) + 1


def _without(address: str, answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without the address that was asked for, in any case of letters, and without numbers of transfers."""
    shown = re.compile(re.escape(address.partition("@")[0]).encode(), re.IGNORECASE)
    headers = [(name, VARYING.sub(b"", value.encode()).decode()) for name, value in answer.headers]
    return answer.status, headers, VARYING.sub(b"", shown.sub(b"", answer.body))
