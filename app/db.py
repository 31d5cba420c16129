"""PostgreSQL: the declarative base, the ways to name a database, and sessions of ours. Pools of the API: app.pools."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

import psycopg
from alembic.config import Config
from psycopg.rows import TupleRow
from sqlalchemy import URL, Integer, MetaData, Text, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.schema.program import application
from app.schema.standing import LOCATION
from app.schema.upgrade import bring_up
from app.settings import Settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

LOCK_TIMEOUT = "120s"
# Six seconds after the last sign of a client's machine, and two after its process ended in the middle of a statement.
LET_GO: Mapping[str, object] = {
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 6_000,
    "client_connection_check_interval": 2_000,
}
# What a house may have configured otherwise, for all its databases. Compiling what it believes to be dear, PostgreSQL
# published a portion in 9 to 11 s instead of 0.14; the others change what is read and written.
OURS: Mapping[str, object] = {
    "jit": "off",
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "default_transaction_isolation": "read committed",
    "client_encoding": "UTF8",
}
# Of a command, an import and a worker, which may be at one thing for long.
UNHURRIED: Mapping[str, object] = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 0,
}
CONNECT_SECONDS = 10
# Classes of SQLSTATE: connection, transaction rolled back by the server, resources, locks, operator's action, system.
PASSING = frozenset({"08", "40", "53", "55", "57", "58"})

WHICH_HOST = "target_session_attrs"

READ_ONLY: Mapping[str, object] = {"default_transaction_read_only": "on"}

# Keys are compared byte by byte: the order of an index must not depend on a library of the host.
Key = Annotated[str, mapped_column(Text(collation="C"))]
OptionalKey = Annotated[str | None, mapped_column(Text(collation="C"))]


class Base(DeclarativeBase):
    """The registry and the publication; every table says its meaning in its docstring."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text, int: Integer}


class Written:
    """Which run of an import created a registry row, and which wrote it last, as long as nobody else did."""

    created_run: Mapped[int | None]
    changed_run: Mapped[int | None]


def libpq_url(database_url: str) -> str:
    """The same database as libpq, psql and psycopg write it, whatever driver the setting names: its primary."""
    url = _primary(database_url).set(drivername="postgresql")
    # SQLAlchemy leaves the spaces of a password, which libpq refuses.
    return url.render_as_string(hide_password=False).replace(" ", "%20")


def sqlalchemy_url(database_url: str) -> str:
    """The same database as SQLAlchemy writes it, with the driver that we ship: its primary."""
    return _primary(database_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def also_of_replicas(database_url: str) -> str:
    """The same database, also at a server that does not write, unless the URL says which it wants."""
    url = make_url(database_url)
    return url.update_query_dict({WHICH_HOST: url.query.get(WHICH_HOST, "any")}).render_as_string(hide_password=False)


def _primary(database_url: str) -> URL:
    """Unless the URL wants another one: the server that writes.

    One that is being restored, or waits to be promoted, lets readers in while it shows what was true once, and can
    take nothing: it counts as one that is away. `read-write` means the same server and is called `primary`, since
    libpq would ask sessions of our own that only read whether they can write.
    """
    url = make_url(database_url)
    if url.query.get(WHICH_HOST, "read-write") == "read-write":
        return url.update_query_dict({WHICH_HOST: "primary"})
    return url


def session(**parameters: object) -> str:
    """libpq's `options` of a session of ours: OURS and these parameters, whatever the server is configured with."""
    words = {name: re.sub(r"([\\\s])", r"\\\1", str(value)) for name, value in {**OURS, **parameters}.items()}
    return " ".join(f"-c {name}={value}" for name, value in words.items())


def connect(settings: Settings, *, autocommit: bool = False, holds_lock: bool = False) -> psycopg.Connection[TupleRow]:
    """A synchronous connection for commands, imports and workers. The caller closes it (`with`).

    Statements may take long (an import), waits may not: no lock is waited for longer than LOCK_TIMEOUT, and a server
    that went away without a word is noticed within a minute. `holds_lock`: another worker waits for the session's lock,
    so PostgreSQL gives up a client whose machine is gone (LET_GO). Not for one that reads much: it may pause longer.
    """
    return psycopg.connect(
        libpq_url(settings.database_url),
        autocommit=autocommit,
        connect_timeout=CONNECT_SECONDS,
        application_name=application("annuaire"),
        options=session(lock_timeout=LOCK_TIMEOUT, **UNHURRIED, **(LET_GO if holds_lock else {})),
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )


def is_passing(error: BaseException) -> bool:
    """Whether the same work may succeed later: a server or connection that went away, a lock, a full disk.

    Without an SQLSTATE the connection itself failed; a limit of the program (54) or a fault in the work never passes.
    """
    # Hosts make a database read-only before its disk is full, administrators while they work at it.
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return True
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in PASSING)


def every_table() -> MetaData:
    """All tables of the code: the modules `models` and `…_models` of its packages are imported first."""
    here = Path(__file__).parent
    for path in sorted(here.glob("*/*models.py")):
        import_module(f"{here.name}.{path.parent.name}.{path.stem}")
    return Base.metadata


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration for one database, without any ini file."""
    config = Config()
    config.set_main_option("script_location", str(LOCATION))
    config.attributes["url"] = sqlalchemy_url(database_url)
    config.attributes["libpq_url"] = libpq_url(database_url)
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to call again; two callers at once take turns.

    Raises Refused, and says what to do: see app.schema.upgrade.
    """
    bring_up(alembic_config(database_url), revision)
