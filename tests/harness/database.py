"""One migrated template for each test process, and a clone of it for each test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from app.db import upgrade
from app.embedded import Postgres

TEMPLATE = "template_annuaire"
HOUSE = {"timezone": "Europe/Paris", "datestyle": "ISO, DMY"}
# Without a history of their own, or without any table.
UNWRITTEN = {TEMPLATE, "template0", "template1"}
_numbers = itertools.count(1)


@dataclass
class Database:
    """A database of one test's own. `dsn` is a libpq URL; connections of `connect` are closed with the test."""

    name: str
    dsn: str
    _opened: list[psycopg.Connection[Any]] = field(default_factory=list)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = psycopg.connect(self.dsn, autocommit=autocommit)
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


def make_template(cluster: Postgres) -> None:
    """Run all migrations once, into the database that the others are cloned from.

    The server is one of a house in Paris, whose clock and way of writing a day must not show anywhere.
    """
    for parameter, value in HOUSE.items():
        _administer(cluster, sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(parameter), sql.Literal(value)))
    _administer(cluster, sql.SQL("SELECT pg_reload_conf()"))
    _administer(cluster, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    upgrade(cluster.dsn(TEMPLATE))


@contextmanager
def cloned(cluster: Postgres, template: str = TEMPLATE, *, restored: bool = False) -> Iterator[Database]:
    """A fresh copy of the template, dropped at the end whoever is still connected.

    A copy that is written goes on with the history of its template, unless it is `restored` from it.
    """
    name = f"test_{next(_numbers)}"
    # Copying files is faster than writing them to the log: with fsync off the checkpoint it needs costs nothing.
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _administer(cluster, copy.format(sql.Identifier(name), sql.Identifier(template)))
    database = Database(name, cluster.dsn(name))
    if template not in UNWRITTEN and not restored:
        with psycopg.connect(database.dsn) as connection:
            connection.execute("UPDATE directory SET witness = NULL")
    try:
        yield database
    finally:
        database.close()
        _administer(cluster, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(cluster: Postgres, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(statement)
