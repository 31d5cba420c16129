"""Somebody who publishes and somebody who reads, whatever dies meanwhile."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import ldap3
import psycopg
from ldap3.core.exceptions import LDAPException

from tests.builders import a_mailbox, publish
from tests.harness.threads import at_work

DOMAIN = "ch-exemple.mssante.fr"
# Published once and never touched again.
STEADY = f"toujours@{DOMAIN}"
MAILBOXES = 200
# One in so many is hidden.
ONE_IN = 5
PATIENCE = 0.05


class Publisher:
    """Publishes one change of a mailbox after the other, and notes what was acknowledged.

    What is published of a mailbox is a number, or None while it is hidden.
    """

    def __init__(self, dsn: str, seed: int) -> None:
        self.acknowledged: dict[str, str | None] = {}
        # Asked for, and the answer was lost with the server: it may have been done or not.
        self.unknown: dict[str, str | None] = {}
        self.count = 0
        self._dsn = dsn
        self._chance = random.Random(seed)  # noqa: S311 - a test
        with psycopg.connect(dsn) as connection:
            self._addresses = [a_mailbox(connection, f"b{number}@{DOMAIN}") for number in range(MAILBOXES)]
            a_mailbox(connection, STEADY)
            publish(connection, *(("mailbox", address) for address in [*self._addresses, STEADY]))

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop. A server that is away is asked again."""
        while not stop.is_set():
            try:
                with psycopg.connect(self._dsn, connect_timeout=5) as connection:
                    while not stop.is_set():
                        self._change(connection)
            except psycopg.OperationalError:
                stop.wait(PATIENCE)

    def _change(self, connection: psycopg.Connection[object]) -> None:
        address = self._chance.choice(self._addresses)
        wanted = None if self._chance.randrange(ONE_IN) == 0 else str(self.count)
        self.unknown[address] = wanted
        connection.execute(
            "UPDATE mailbox SET description = coalesce(%s, description), state = %s WHERE address = %s",
            (wanted, "suspended" if wanted is None else "active", address),
        )
        publish(connection, ("mailbox", address))
        self.acknowledged[address] = wanted
        del self.unknown[address]
        self.count += 1

    def lost(self, held: dict[str, str | None]) -> list[str]:
        """The mailboxes that are neither what was acknowledged nor what was asked for last."""
        return [
            address
            for address, wanted in self.acknowledged.items()
            if held.get(address) != wanted
            and not (address in self.unknown and held.get(address) == self.unknown[address])
        ]


class Reader:
    """Looks for one mailbox that is always there, over a kept connection, and notes what it is told."""

    def __init__(self, uri: str, base: str) -> None:
        self.answers = 0
        # How often a connection that had answered was cut.
        self.cut = 0
        self.wrong: list[str] = []
        self._uri = uri
        self._base = base

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop. No answer is no wrong one."""
        while not stop.is_set():
            server = ldap3.Server(self._uri, get_info=ldap3.NONE, connect_timeout=5)
            connection = ldap3.Connection(server, receive_timeout=30)
            before = self.answers
            try:
                connection.bind()
                while not stop.is_set():
                    self._ask(connection)
            except LDAPException:
                self.cut += self.answers > before
                stop.wait(PATIENCE)
            finally:
                _close(connection)

    def _ask(self, connection: ldap3.Connection) -> None:
        connection.search(self._base, f"(mail={STEADY})", attributes=["mail"])
        self.answers += 1
        found = [entry["dn"] for entry in connection.response or () if entry["type"] == "searchResEntry"]
        if connection.result["result"] != 0 or len(found) != 1:
            self.wrong.append(f"{connection.result['description']} {found}")


def _close(connection: ldap3.Connection) -> None:
    opened = connection.socket
    try:
        connection.unbind()
    except LDAPException:
        pass
    finally:
        if opened is not None:
            opened.close()


class Runs(Protocol):
    """Somebody who is at work until told to stop."""

    def run(self, stop: threading.Event) -> None: ...


@contextmanager
def beside(*parts: Runs) -> Iterator[None]:
    """These at work, each in a thread of its own."""
    stop = threading.Event()
    with at_work(lambda number: parts[number].run(stop), len(parts), stop):
        yield
