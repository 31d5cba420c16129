"""A primary that can be killed, its replica, an API and a worker that find whichever of the two writes."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg

from app.access.keys import issue
from app.embedded import Postgres
from app.settings import Settings
from tests.builders import a_practitioner, a_structure, an_operator, publish
from tests.harness.database import TEMPLATE
from tests.harness.directory import directory
from tests.harness.standby import Standby
from tests.harness.threads import at_work
from tests.mailbox_writes.operators import Operator, domain_of, org

WRITERS = 4
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Pair:
    """`url` leads to the one that writes, `read_url` to the one that does not where there is one."""

    primary: Standby
    replica: Standby

    @property
    def url(self) -> str:
        return self._to("read-write")

    @property
    def read_url(self) -> str:
        return self._to("prefer-standby")

    def _to(self, which: str) -> str:
        hosts = f"{self.primary.socket_dir},{self.replica.socket_dir}"
        return f"postgresql://annuaire@/{TEMPLATE}?host={hosts}&target_session_attrs={which}"

    def ask(self, statement: str, *values: Any) -> Any:
        """The first value that the one which writes answers."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(statement.encode(), values).fetchone()
        return row[0] if row else None


@contextmanager
def pair(migrated: Postgres, *, is_synchronous: bool) -> Iterator[Pair]:
    """Copies of the cluster of the tests, which stays as it is. An acknowledged commit is on the disk, or on both."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(directory()) for _ in range(2))
        primary = stack.enter_context(Standby(first, migrated))
        primary.promote()
        primary.run("ALTER ROLE annuaire SET synchronous_commit = on")
        replica = stack.enter_context(Standby(second, primary))
        primary.configure(synchronous_standby_names="standby" if is_synchronous else "")
        yield Pair(primary, replica)


def a_writing_operator(servers: Pair, settings: Settings) -> tuple[str, dict[str, str]]:
    """(id, headers) of an operator with a domain, beside a person and a structure that are published."""
    with psycopg.connect(servers.url) as connection:
        structure = a_structure(connection)
        person = a_practitioner(connection, organization=structure)
        publish(connection, ("organization", structure), ("practitioner", person))
        identifier = an_operator(connection, domains=(domain_of("own"),))
        _, key = issue(connection, settings.key_pepper, "a test", ("publish",), identifier)
    return identifier, {"Authorization": f"Bearer {key}"}


class Writers:
    """Threads of one operator that publish new mailboxes until they are stopped; `acknowledged`: those answered 201."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()

    def at_work(self) -> AbstractContextManager[None]:
        return at_work(self._write, WRITERS, self._stop)

    def _write(self, writer: int) -> None:
        while not self._stop.is_set():
            address = f"w{writer}.{next(NUMBERS)}@{domain_of('own')}"
            status = self._operator.put(address, org()).status_code
            self.statuses.add(status)
            if status == HTTPStatus.CREATED:
                self.acknowledged.append(address)
