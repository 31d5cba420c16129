"""A copy in two tables of a PostgreSQL database of the operator's."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

import psycopg

from app.console import Refused, one_line
from app.db import libpq_url
from app.replica.copy import PORTION, Copy

TABLES = """
CREATE TABLE IF NOT EXISTS annuaire_resource (
  kind text COLLATE "C", key text COLLATE "C", slot integer NOT NULL, fingerprint bytea NOT NULL,
  document text NOT NULL, PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS annuaire_resource_slot ON annuaire_resource (slot, kind, key) INCLUDE (fingerprint);
CREATE TABLE IF NOT EXISTS annuaire_follower (
  singleton integer PRIMARY KEY CHECK (singleton = 1),
  cursor text, edition bigint NOT NULL, proved_edition bigint, proved_root text, checkpoint text
);
INSERT INTO annuaire_follower (singleton, edition) VALUES (1, 0) ON CONFLICT DO NOTHING
"""


class PostgresCopy(Copy):
    """Closed by its block. The role may create tables, or finds them made."""

    def __init__(self, url: str) -> None:
        """Raises Refused: the database cannot be used."""
        try:
            self._connection = psycopg.connect(
                libpq_url(url), autocommit=True, connect_timeout=10, application_name="annuaire-replica"
            )
            with self._connection.transaction():
                self._connection.execute(TABLES)
        except (psycopg.Error, ValueError) as error:
            raise Refused(f"the database cannot hold a copy: {one_line(error)}", "replica.copy") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def transaction(self) -> AbstractContextManager[Any]:
        return self._connection.transaction()

    def read(self, statement: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        with self._connection.transaction(), self._connection.cursor(name="annuaire_replica") as cursor:
            cursor.itersize = PORTION
            cursor.execute(statement.encode(), parameters)
            yield from cursor

    def write(self, statement: str, *parameters: Any) -> int:
        return self._connection.execute(statement.encode(), parameters).rowcount

    def write_many(self, statement: str, parameters: Sequence[tuple[Any, ...]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.encode(), parameters)
