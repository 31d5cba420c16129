"""The worker looks at the LDAP tree as a reader would, and writes down which edition it holds (app.lag reads it).

It asks slapd and not the exporter: an exporter that died, or writes into a tree that nobody serves, would say that all
is well.
"""

import threading
from typing import Any

import psycopg
import structlog

from app.db import connect
from app.ldap.client import Exporter, LdapFailed
from app.settings import Settings

logger = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
SEEN = """
INSERT INTO ldap_seen (edition, epoch) VALUES (%s, %s)
ON CONFLICT (singleton) DO UPDATE SET edition = excluded.edition, epoch = excluded.epoch, seen_at = now()
"""


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    with connect(settings, autocommit=True) as connection:
        while not stop.is_set():
            try:
                look(connection, settings)
            except LdapFailed as error:
                # Nothing is written: the age of the last look tells it, and the sync loop says why.
                logger.debug("LDAP was not seen", error=str(error))
            stop.wait(LOOK_SECONDS)


def look(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Write down what the tree says of itself; a tree without suffix entry is at edition 0. Raises LdapFailed."""
    with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
        state = exporter.state()
    connection.execute(SEEN, (state.edition, state.epoch) if state else (0, None))
