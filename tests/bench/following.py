"""How LDAP follows: the exporter's writes beside the same bytes alone, bursts, and the lag behind single commits.

Mailboxes are changed by SQL and published in the same transaction, as every writer does in the end.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

import psycopg

from app.ldap import ber, client, members
from app.ldap.batch import apply, difference
from app.ldap.client import Exporter
from app.ldap.documents import Documents
from app.ldap.entries import Document, Entry, entry
from app.ldap.operations import Operation
from app.settings import Settings

Connection = psycopg.Connection[Any]
DRAWN = """
SELECT p.key FROM publication p JOIN mailbox m ON m.address = p.key
WHERE p.kind = 'mailbox' AND NOT m.unlisted ORDER BY md5(p.key) LIMIT %s
"""
DESCRIBE = "UPDATE mailbox SET description = %(value)s WHERE address = ANY (%(addresses)s)"
HIDE = "UPDATE mailbox SET unlisted = %(value)s WHERE address = ANY (%(addresses)s)"
PUBLISH = "SELECT publish(array_fill('mailbox'::text, ARRAY[cardinality(%(addresses)s::text[])]), %(addresses)s)"
LOOK_SECONDS = 0.002
# Requests that begin and end a transaction (RFC 5805), and what every answer to one that succeeded holds.
EXTENDED, NAME, VALUE = 0x77, 0x80, 0x81
START = ber.element(
    ber.SEQUENCE, b"\x02\x01\x01" + ber.element(EXTENDED, ber.element(NAME, client.TRANSACTION_START.encode()))
)
COMMIT = ber.element(
    ber.SEQUENCE,
    b"\x02\x01\x02"
    + ber.element(EXTENDED, ber.element(NAME, client.TRANSACTION_END.encode()) + ber.element(VALUE, client.COMMIT)),
)
SUCCESS = b"\x0a\x01\x00"
ANSWER_BYTES = 4_096
FIRST_NUMBER = 1_000_000
PATIENCE = 900.0


def drawn(connection: Connection, count: int) -> list[str]:
    """So many visible addresses, the same in every run."""
    return [address for (address,) in connection.execute(DRAWN, [count])]


def write(connection: Connection, change: str, addresses: Sequence[str], value: Any) -> int:
    """One commit. Returns the edition."""
    given = {"addresses": list(addresses), "value": value}
    with connection.transaction():
        connection.execute(change, given)
        (edition,) = connection.execute(PUBLISH, given).fetchone() or (0,)
    return int(edition)


def visible(exporter: Exporter, edition: int) -> float:
    """When the tree has come to an edition, as another connection sees it. Raises RuntimeError: it does not."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        state = exporter.state()
        if state is not None and state.edition >= edition:
            return time.monotonic()
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"LDAP did not follow to edition {edition} within {PATIENCE:g} seconds")


def burst(connection: Connection, settings: Settings, change: str, addresses: Sequence[str], value: Any) -> float:
    """Seconds from one commit of so many changes until all of them are visible."""
    with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
        edition = write(connection, change, addresses, value)
        committed = time.monotonic()
        return visible(exporter, edition) - committed


def lags(settings: Settings, addresses: Sequence[str], a_second: float, seconds: float) -> list[float]:
    """Seconds from commit to visible of single writes, sorted; each is sent when it is due."""
    committed: list[tuple[int, float]] = []
    done = threading.Event()

    def writer() -> None:
        try:
            with psycopg.connect(settings.database_url, autocommit=True) as connection:
                began = time.monotonic()
                for number, address in enumerate(islice(cycle(addresses), round(a_second * seconds))):
                    time.sleep(max(0.0, began + number / a_second - time.monotonic()))
                    edition = write(connection, DESCRIBE, [address], f"LAG {time.time_ns()}")
                    committed.append((edition, time.monotonic()))
        finally:
            done.set()

    thread = threading.Thread(target=writer)
    thread.start()
    found: list[float] = []
    with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
        while not done.is_set() or len(found) < len(committed):
            if len(found) == len(committed):
                time.sleep(LOOK_SECONDS)
                continue
            edition, moment = committed[len(found)]
            # The worker may be before us.
            found.append(max(0.0, visible(exporter, edition) - moment))
    thread.join()
    return sorted(found)


@contextmanager
def changing(settings: Settings, addresses: Sequence[str], a_second: float) -> Iterator[None]:
    """Single writes at this rate, as long as the caller measures something else."""
    stop = threading.Event()

    def writer() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            for address in cycle(addresses):
                if stop.wait(1 / a_second):
                    return
                write(connection, DESCRIBE, [address], f"CHANGE {time.time_ns()}")

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def rates(settings: Settings, documents: Sequence[Document], batch: int) -> dict[str, tuple[float, float]]:
    """{what: (entries a second of the exporter, of the same bytes sent without it)} for add, modify, delete.

    Under further addresses, which are gone in the end; nobody else may write the tree meanwhile.
    """
    found = {}
    with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
        before: list[Document | None] = [None] * len(documents)
        for name, change in (("add", dict), ("modify", _moved), ("delete", lambda _: None)):
            after: list[Document | None] = [change(each) for each in documents]
            addresses = [each["address"] for each in documents]
            exported = _timed(_exporting, exporter, dict(zip(addresses, after, strict=True)), batch)
            raw = [
                difference(exporter.tree.dn(f"raw.{address}"), _entry(stored), _entry(expected))
                for address, stored, expected in zip(addresses, before, after, strict=True)
            ]
            sent = _sent(exporter, [each for each in raw if each], batch)
            found[name] = len(documents) / exported, len(documents) / sent
            before = after
    return found


def renamed(document: Document) -> Document:
    """The same under an address that nobody has."""
    return {**document, "address": f"bench.{document['address']}"}


def _moved(document: Document) -> Document:
    """Another street and sequence: no index has them."""
    place = document["place"]
    moved = place and {**place, "lines": ["1 rue du Banc d'Essai"]}
    return {**document, "place": moved, "sequence": document["sequence"] + 1}


def _entry(document: Document | None) -> Entry | None:
    """Of yet another address, beside the one that the exporter writes."""
    return None if document is None else entry({**document, "address": f"raw.{document['address']}"})


def _exporting(exporter: Exporter, documents: Documents, batch: int) -> None:
    state = exporter.state()
    assert state is not None
    changes = iter(documents.items())
    while portion := dict(islice(changes, batch)):
        written = apply(exporter, portion, state.edition, state.edition)
        assert written.added + written.modified + written.deleted == len(portion)


def _sent(exporter: Exporter, operations: Sequence[Operation], batch: int) -> float:
    """Seconds of the protocol alone: messages made before, no entry read or compared."""
    messages = [
        ber.request(number, each, members.IN_TRANSACTION) for number, each in enumerate(operations, FIRST_NUMBER)
    ]
    connection = exporter._connection.socket

    def send() -> None:
        for begin in range(0, len(messages), batch):
            for message in (START, *messages[begin : begin + batch], COMMIT):
                connection.sendall(message)
                assert SUCCESS in connection.recv(ANSWER_BYTES)

    return _timed(send)


def _timed(act: Callable[..., object], *given: Any) -> float:
    began = time.monotonic()
    act(*given)
    return time.monotonic() - began
