"""The worker's part in webhooks: one holder at a time sends what is due, each receiver by itself.

    NOTIFY annuaire_change ─► Courier.send ─► a thread for each letter ─► Courier.collect ─► recorded, or tried later

A slow receiver holds up nobody but itself: letters travel in threads of their own, and the database is touched by the
loop alone. Who is killed on the way leaves each letter in its row, to be sent again under the same id.
"""

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
import structlog

from app import tracing
from app.access.peppers import PepperMissing, Peppers, former_peppers
from app.db import connect
from app.paging import Cursors
from app.publication.feed import FeedCursors
from app.push import letters, outcomes, secret
from app.push.letters import Letter
from app.push.resealing import reseal
from app.push.secret import SecretLost
from app.push.sending import Outcome, Sender
from app.settings import Settings

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]
PUSH_LOCK = 14
# A notification can be lost with its connection, and back-off ends without one.
LOOK_SECONDS = 1.0
# While letters travel, so often it is looked whether one arrived.
BUSY_SECONDS = 0.1
# Who waits for the lock looks so often whether its holder went.
HOLDER_SECONDS = 2.0
MOST_AT_ONCE = 16


class Courier:
    """Letters on their way. Used by one thread; close it (`with`): it then waits for those that travel.

    Raises PepperMissing.
    """

    def __init__(self, settings: Settings, sender: Sender | None = None) -> None:
        self._peppers = Peppers.of(settings)
        self._cursors = FeedCursors(Cursors(settings.key_pepper, *former_peppers(settings)))
        self._sender = sender or Sender(settings)
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook")
        self._travelling: dict[Future[tuple[Outcome, int]], Letter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    @property
    def is_busy(self) -> bool:
        return bool(self._travelling)

    def send(self, connection: Connection) -> int:
        """Send off what is due, and no more than there are threads for. Returns how many letters left.

        Secrets go over to the pepper in force before: one process of the API may still seal under the one before it.
        """
        reseal(connection, self._peppers)
        left = 0
        busy = [letter.webhook for letter in self._travelling.values()]
        for each in letters.due(connection, self._cursors, busy, MOST_AT_ONCE - len(busy)):
            if isinstance(each, letters.Ended):
                outcomes.disable(connection, each.webhook, each.why)
            else:
                self._travelling[self._threads.submit(self._post, each)] = each
                left += 1
        return left

    def collect(self, connection: Connection, seconds: float | None = 0.0) -> None:
        """Record what ended, after a wait of at most so many seconds for the first; None: wait for all."""
        while self._travelling:
            done, _ = wait(self._travelling, seconds, FIRST_COMPLETED)
            for future in done:
                letter = self._travelling.pop(future)
                outcome, ms = future.result()
                outcomes.record(connection, letter, outcome, ms)
                logger.info(
                    "webhook told",
                    webhook=letter.webhook,
                    attempt=letter.attempt,
                    outcome=outcome.word,
                    status=outcome.status,
                    ms=ms,
                )
            if seconds is not None:
                return

    def _post(self, letter: Letter) -> tuple[Outcome, int]:
        begun = time.monotonic()
        try:
            key = secret.unseal(self._peppers, letter.pepper, letter.webhook, letter.sealed)
        except SecretLost as lost:
            return Outcome("unsigned", str(lost)), 0
        signed = secret.headers(key, letter.message, int(time.time()), letter.body)
        said = {"server.address": urlsplit(letter.url).hostname or ""}
        with tracing.span("webhook", said, kind="client") as note:
            outcome = self._sender.post(letter.url, signed | note.headers, letter.body)
            note("annuaire.outcome", outcome.word)
            note("http.response.status_code", outcome.status or 0)
        return outcome, round((time.monotonic() - begun) * 1_000)


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    try:
        courier = Courier(settings)
    except PepperMissing as missing:
        logger.warning("no webhook is told: nothing can be signed", reason=str(missing))
        stop.wait()
        return
    with courier, connect(settings, autocommit=True, holds_lock=True) as connection:
        while not stop.is_set() and not _is_holder(connection):
            stop.wait(HOLDER_SECONDS)
        connection.execute("LISTEN annuaire_change")
        while not stop.is_set():
            courier.send(connection)
            for _ in connection.notifies(timeout=BUSY_SECONDS if courier.is_busy else LOOK_SECONDS, stop_after=1):
                break
            courier.collect(connection)
        courier.collect(connection, None)


def _is_holder(connection: Connection) -> bool:
    """Try to become the one worker that sends; the lock goes with the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (PUSH_LOCK,)).fetchone()
    return bool(row and row[0])
