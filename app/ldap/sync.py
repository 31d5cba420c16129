"""Follow the log of changes: after a commit in PostgreSQL the tree holds the same within milliseconds.

The cursor is the edition on the suffix entry. One step writes the next batch and moves it; the edition moves for every
change, also for those that touch no mailbox. A tree without entries is a tree at edition 0. What the log cannot bridge
is reconciled: by sequences where changes were already dropped from the log, by values where sequences prove nothing
(another epoch, an edition that the database never reached, entries that another version wrote in another way).
"""

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog

from app import tracing
from app.db import connect
from app.ldap import aside, lock
from app.ldap.batch import Written, apply
from app.ldap.client import BatchRefused, Exporter, LdapFailed, WriteRefused
from app.ldap.compare import compare, compare_sequences
from app.ldap.documents import Changes, changes_after
from app.ldap.entries import LAYOUT
from app.ldap.operations import State
from app.ldap.rebuild import founded, reconcile
from app.publication import epoch
from app.settings import Settings

logger = structlog.get_logger(__name__)

# Without a notification we look by ourselves this often: a notification can be lost with its connection. It also keeps
# slapd from cutting an idle connection.
LOOK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0


@dataclass
class Step:
    """What was done: the tree's edition before and after, the edition to reach, and whether the whole tree was read."""

    before: int
    edition: int
    target: int
    written: Written = field(default_factory=Written)
    reconciled: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the tree holds all that was published when the step began."""
        return self.edition == self.target


def step(connection: psycopg.Connection[Any], exporter: Exporter, settings: Settings) -> Step:
    """Write the next batch of changes. The caller holds the lock.

    Raises LdapUnreachable, StaleExporter (another exporter wrote: step again), LdapFailed, psycopg.OperationalError.
    """
    epoch.watch(connection)
    state = founded(connection, exporter)
    changes = changes_after(connection, state.edition, settings.ldap_batch)
    why = _broken(state, changes)
    if why:
        logger.warning("LDAP tree cannot follow the log, comparing it as a whole", reason=why)
        by = compare_sequences if _is_behind(state, changes) else compare
        with tracing.span("ldap reconcile", kind="client"):
            edition, written = reconcile(connection, exporter, settings.ldap_batch, by=by)
        return Step(state.edition, edition, edition, written, reconciled=True)
    if changes.until == state.edition:
        return Step(state.edition, state.edition, changes.edition)
    with tracing.span("ldap batch", {"annuaire.changes": len(changes.documents)}, kind="client"):
        written = apply(exporter, changes.documents, state.edition, changes.until)
    aside.note(connection, changes.documents, written.refused)
    return Step(state.edition, changes.until, changes.edition, written)


def catch_up(connection: psycopg.Connection[Any], exporter: Exporter, settings: Settings) -> Step:
    """Steps until the tree holds all that was published at the last of them. The caller holds the lock."""
    total = step(connection, exporter, settings)
    while not total.is_done:
        more = step(connection, exporter, settings)
        total.written.add(more.written)
        total.edition, total.target = more.edition, more.target
        total.reconciled = total.reconciled or more.reconciled
    return total


def sync_once(settings: Settings) -> Step:
    """Bring the tree to the present edition, whoever else follows the log. Raises as `step`, and Refused when busy."""
    with (
        connect(settings, autocommit=True) as connection,
        Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter,
        lock.waiting(connection),
    ):
        return catch_up(connection, exporter, settings)


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. A slapd that is away or refuses is tried again, ever later.

    Raises psycopg.OperationalError when PostgreSQL goes away: the worker starts the loop again.
    """
    pause = FIRST_PAUSE
    with connect(settings, autocommit=True, holds_lock=True) as connection:
        connection.execute("LISTEN annuaire_change")
        while not stop.is_set():
            try:
                with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
                    while not stop.is_set():
                        _turn(connection, exporter, settings)
                        pause = FIRST_PAUSE
            except LdapFailed as error:
                # Also when slapd refuses (disk full, wrong uid): REST must not end with LDAP.
                logger.warning("LDAP does not follow, trying again", error=_words(error), pause_s=pause)
                stop.wait(pause)
                pause = min(LONGEST_PAUSE, pause * 2)


def _words(error: LdapFailed) -> str:
    """What the log may say: a refusal names an entry, which `annuaire ldap sync --once` tells whoever asks."""
    return type(error).__name__ if isinstance(error, WriteRefused | BatchRefused) else str(error)


def _turn(connection: psycopg.Connection[Any], exporter: Exporter, settings: Settings) -> None:
    """One step when no other exporter is at work, then, when there is no more to do, the wait for a change."""
    with lock.trying(connection) as held:
        made = step(connection, exporter, settings) if held else None
    if made is not None and (made.edition != made.before or made.reconciled):
        logger.debug("LDAP followed", edition=made.edition, target=made.target, written=made.written)
    if made is None or made.is_done:
        for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
            break


def _is_behind(state: State, changes: Changes) -> bool:
    """Whether the tree is what the directory was: both have one history, which has gone on, and one way of writing."""
    return state.layout == LAYOUT and state.epoch == changes.epoch and state.edition <= changes.edition


def _broken(state: State, changes: Changes) -> str | None:
    """Why the log does not lead from the tree to the directory; None when it does."""
    if state.layout != LAYOUT:
        return f"the entries of the tree were written in layout {state.layout}, this version writes {LAYOUT}"
    if state.epoch != changes.epoch:
        return f"the tree is of epoch {state.epoch}, the directory of epoch {changes.epoch}"
    if state.edition > changes.edition:
        return f"the tree is at edition {state.edition}, the directory at {changes.edition}"
    if state.edition + 1 < changes.oldest:
        return f"the tree is at edition {state.edition}, the log begins with change {changes.oldest}"
    return None
