"""Rotation under load (F24): another authority issues the certificates of clients, and no request is refused meanwhile.

The API is one process that is never restarted: it takes new files within a second. What must be there first comes
first (docs/operations.md): the list before its authority, and the authority goes before its list.
"""

from pathlib import Path

import httpx2
import pytest

from tests.access.authority import Authority, Held, a_name, a_root
from tests.access.conftest import list_certificate
from tests.builders import DOMAIN, a_practitioner, an_operator, publish
from tests.faults.api import api
from tests.faults.callers import Callers
from tests.faults.gate import until
from tests.faults.report import Tell, Tried
from tests.harness.database import Database

NAME = "an operator's server"
REFUSED = 401


def put(path: Path, *parts: bytes) -> None:
    """Replace a file at once, as `mv` does."""
    beside = path.with_suffix(".next")
    beside.write_bytes(b"".join(parts))
    beside.replace(path)


def status(port: int, held: Held) -> int:
    """What the API answers to this certificate."""
    return httpx2.get(f"http://127.0.0.1:{port}/v1/me", headers=held.header, timeout=60).status_code


@pytest.mark.parametrize("crl", ["client.crl", "lists/client.crl"], ids=["lists in a file", "lists in a folder"])
@pytest.mark.fault
def test_nobody_is_refused_while_the_authority_of_clients_changes(
    database: Database, tmp_path: Path, tell: Tell, crl: str
) -> None:
    old, new = a_root("AC ORGANISATIONS 2020"), a_root("AC ORGANISATIONS 2030")
    before, after = old.issue(a_name(NAME)), new.issue(a_name(NAME))
    with database.connect() as registry:
        publish(registry, ("practitioner", a_practitioner(registry)))
        an_operator(registry, domains=())
        list_certificate(registry, before, DOMAIN)
    ca_file, lists = tmp_path / "client-ca.pem", tmp_path / crl
    lists.parent.mkdir(exist_ok=True)
    put(ca_file, old.pem)
    put(lists, old.list_of())
    named = lists.parent if lists.parent != tmp_path else lists
    given = {"trusted_proxies": "127.0.0.1", "client_ca_file": str(ca_file), "client_crl": str(named)}
    with api(database, tmp_path, None, **given) as (_, port):
        callers = Callers(port, before.header)
        with callers.at_work():
            callers.settled("before anything changes")
            assert status(port, after) == REFUSED
            _overlap(ca_file, lists, old, new)
            until(lambda: status(port, after) == 200, "the new authority is trusted")
            callers.headers = (before.header, after.header)
            callers.settled("with certificates of both")
            callers.headers = (after.header,)
            callers.settled("with certificates of the new one alone")
            _end(ca_file, lists, new)
            until(lambda: status(port, before) == REFUSED, "the old authority is trusted no longer")
            callers.settled("with the old authority gone")
    lost = callers.lost(database.connect())
    told = f"authority of client certificates changed, {'a folder' if named.is_dir() else 'a file'} of lists"
    tell(Tried("F24", told, callers.answers.total(), len(lost), len(callers.failed)))
    assert (callers.failed, lost) == ([], set())


def _overlap(ca_file: Path, lists: Path, old: Authority, new: Authority) -> None:
    put(lists, old.list_of(), new.list_of())
    put(ca_file, old.pem, new.pem)


def _end(ca_file: Path, lists: Path, new: Authority) -> None:
    put(ca_file, new.pem)
    put(lists, new.list_of())
