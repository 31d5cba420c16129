"""Named points at which PostgreSQL holds a command until the test lets it go, made of triggers that wait for a lock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from tests.harness.database import Database

LOCK = 4_711
PATIENCE = 120.0
WAITING = """
SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objid = ANY(%s) AND NOT l.granted AND d.datname = current_database()
"""
SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^annuaire/'
"""
HOLD = f"""
CREATE OR REPLACE FUNCTION fault_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_advisory_xact_lock_shared({LOCK});
  RETURN coalesce(NEW, OLD);
END $$;
CREATE OR REPLACE FUNCTION fault_hold_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()
             WHERE object_identity ~ 'import_run_[0-9]+\\.(gone_line|stage_)') THEN
    PERFORM pg_advisory_xact_lock_shared({LOCK});
  END IF;
END $$;
CREATE OR REPLACE FUNCTION fault_hold_copy() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'import_run_%.stage') THEN
    CREATE TRIGGER fault BEFORE INSERT ON stage FOR EACH ROW WHEN (NEW.line > 4) EXECUTE FUNCTION public.fault_hold();
  END IF;
END $$;
"""
BEFORE = "CREATE TRIGGER a_fault BEFORE {} FOR EACH ROW {} EXECUTE FUNCTION fault_hold()"
AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON {} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({})"
    " EXECUTE FUNCTION fault_hold()"
)
# A point is the statement that makes it; one that begins with a number is a lock that the program itself takes.
POINTS = {
    "received, waiting for its turn": "8",
    "in the middle of COPY": "CREATE EVENT TRIGGER fault ON ddl_command_end WHEN TAG IN ('CREATE TABLE')"
    " EXECUTE FUNCTION fault_hold_copy()",
    "with its rejects written, staging not committed": BEFORE.format("INSERT ON import_reject", ""),
    "with staging committed": "CREATE EVENT TRIGGER fault ON ddl_command_end"
    " WHEN TAG IN ('CREATE TABLE AS', 'CREATE VIEW') EXECUTE FUNCTION fault_hold_table()",
    "in the comparison": BEFORE.format("INSERT ON import_change", ""),
    "before the plan is written down": BEFORE.format(
        "UPDATE ON import_run", "WHEN (NEW.state IN ('planned', 'refused'))"
    ),
    "as the plan is committed": AT_COMMIT.format("import_run", "NEW.state IN ('planned', 'refused')"),
    "at the first row of the registry": BEFORE.format("INSERT OR UPDATE OR DELETE ON mailbox", ""),
    "at the first mark": BEFORE.format("INSERT ON pending", ""),
    "before the receipt": BEFORE.format(
        "UPDATE ON import_run", "WHEN (NEW.state = 'applied' AND OLD.state <> 'applied')"
    ),
    "as the registry is committed": AT_COMMIT.format("source", "NEW.run IS DISTINCT FROM OLD.run"),
    "while it is published": BEFORE.format("INSERT ON change", ""),
    "published, before that is written down": BEFORE.format(
        "UPDATE ON import_run", "WHEN (NEW.edition_after IS DISTINCT FROM OLD.edition_after AND OLD.state = 'applied')"
    ),
    "before the receipt of the undo": BEFORE.format("UPDATE ON import_run", "WHEN (NEW.state = 'undone')"),
}


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, for PATIENCE seconds at most."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


class Gate:
    """A closed gate at one point of one database."""

    def __init__(self, database: Database, point: str) -> None:
        self._watch = database.connect(autocommit=True)
        self._holder = database.connect(autocommit=True)
        statement = POINTS[point]
        self._lock = int(statement) if statement.isdigit() else LOCK
        self._holder.execute("SELECT pg_advisory_lock(%s)", [self._lock])
        if not statement.isdigit():
            self._watch.execute(HOLD.encode())
            self._watch.execute(statement.encode())

    def waiting(self) -> list[int]:
        """The sessions that stand before the gate."""
        return [pid for (pid,) in self._watch.execute(WAITING, [[self._lock]]).fetchall()]

    def wait(self, is_alive: Callable[[], object] = lambda: True) -> None:
        """Until somebody stands before the gate. `is_alive` fails the test early when nobody can come any more."""

        def is_held() -> bool:
            assert is_alive(), "it ended before it came to the gate"
            return bool(self.waiting())

        until(is_held, "somebody stands before the gate")

    def end_session(self) -> None:
        """What PostgreSQL does by itself some seconds after a client is gone: the transaction is rolled back."""
        for pid in self.waiting():
            self._watch.execute("SELECT pg_terminate_backend(%s)", [pid])

    def open(self) -> None:
        """Let those who wait go on, and nobody wait any more. The sessions of killed commands end."""
        self._holder.close()
        until(lambda: not self.waiting(), "the gate is empty")

    def remove(self) -> None:
        """Take the point away, once no session of the program is left."""
        until(lambda: self._watch.execute(SESSIONS).fetchone() == (0,), "the sessions of the killed command ended")
        remove(self._watch)


def remove(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Take all points away from this database."""
    connection.execute("DROP EVENT TRIGGER IF EXISTS fault")
    for function in ("fault_hold()", "fault_hold_table()", "fault_hold_copy()"):
        connection.execute(f"DROP FUNCTION IF EXISTS {function} CASCADE".encode())


@contextmanager
def gate(database: Database, point: str) -> Iterator[Gate]:
    """A gate that is open at the latest when the test ends."""
    closed = Gate(database, point)
    try:
        yield closed
    finally:
        closed._holder.close()
