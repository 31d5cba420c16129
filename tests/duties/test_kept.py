"""What is kept too long is told, and the duties take it out: each rule is tried with a row that is too old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.doctor import examine
from app.duties.catalogue import DUTIES
from app.duties.kept import RULES, overdue
from app.practitioners.retention import prune
from app.settings import Settings
from tests.builders import OPERATOR, a_mailbox, a_practitioner, an_operator, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
OTHER = "1990000028"
GONE, HOLDER, JUST_CLOSED = "99900000060", "99900000078", "99900000086"
OLD = "now() - interval '5000 days'"
SQL = {
    "run": f"""
        INSERT INTO import_run (id, source, file_name, file_sha256, state, applied_at)
        VALUES ('old', 'mssante', 'f', '', 'applied', {OLD}), ('new', 'mssante', 'f', '', 'applied', now())""",
    "withdrawn mailbox": f"UPDATE mailbox SET withdrawn_at = {OLD} WHERE state = 'withdrawn'",
    "client": f"""
        INSERT INTO client_key (id, name, operator, scopes, kid, algorithm, jwk)
        VALUES ('c', 'c', '{OPERATOR}', '{{read}}', 'c', 'ES256', '{{}}')""",
    "token": f"INSERT INTO access_token (digest, client, scopes, expires_at) VALUES ('a', 'c', '{{read}}', {OLD})",
    "assertion": f"INSERT INTO client_assertion VALUES ('c', 'j', {OLD})",
    "certificate": f"INSERT INTO client_certificate VALUES ('f', 'dn', {OLD}, {OLD})",
    "consultation": f"""
        INSERT INTO consultation (at, caller, route, status, shown, request_id)
        VALUES ({OLD}, 'a', 'r', 200, 1, 'q')""",
    "shown": "INSERT INTO disclosure VALUES (current_date - 5000, 'a', 'p'), (current_date + 1, 'a', 'p')",
    "shown that day": "INSERT INTO disclosure_day VALUES (current_date - 5000, 'a', 1), (current_date + 1, 'a', 1)",
    "answer": f"INSERT INTO idempotency_key VALUES ('o', 'k', '', 200, '', '', {OLD})",
    "tombstone": f"INSERT INTO withdrawn VALUES ('old@ch-exemple.mssante.fr', {OLD}, NULL, 'withdrawn')",
    "rows before": """
        INSERT INTO import_change (run, target, entity_kind, entity_key, action, reason, is_seen)
        SELECT number, 'mailbox', 'mailbox', id, 'create', 'new', true FROM import_run""",
    "rejects": "INSERT INTO import_reject (run, line, code, detail) VALUES ('old', 1, 'c', ''), ('new', 1, 'c', '')",
    "transfers": f"""
        INSERT INTO transfer (scope, key, from_operator, to_operator, effective_at, state, proposed_by)
        SELECT 'mailbox', s, '{OPERATOR}', '{OTHER}', {OLD}, s, '{OPERATOR}'
        FROM unnest('{{done,agreed}}'::text[]) s""",
    "notices": f"""
        INSERT INTO notice (operator, code, kind, key, detail, at, number)
        SELECT '{OPERATOR}', 'c', 'k', 'k', '{{}}', {OLD}, n FROM generate_series(1, 2) n""",
    "webhook": f"""
        INSERT INTO webhook (id, operator, url, kinds, secret, pepper, epoch, edition)
        VALUES ('w', '{OPERATOR}', 'https://x', '{{mailbox}}', '', 'p', 'e', 0)""",
    "delivery": f"""
        INSERT INTO webhook_delivery (webhook, message, after, edition, attempt, at, outcome, detail, ms)
        VALUES ('w', 'm', 0, 1, 1, {OLD}, 'delivered', '', 1)""",
    "change": f"INSERT INTO change VALUES (1, 'mailbox', 'k', 'put', {OLD})",
    "snapshot": f"""
        INSERT INTO snapshot (edition, file, epoch, bytes, sha256, resources, made_at, state)
        VALUES (0, 'f', 'e', 1, '', 1, {OLD}, 'expired')""",
}


@pytest.fixture
def clock(database: Database) -> Connection:
    return database.connect(autocommit=True)


def fill(clock: Connection) -> None:
    """A row of 5 000 days ago under every rule, and one that must stay beside those that have a condition."""
    an_operator(clock)
    an_operator(clock, OTHER, domains=())
    clock.execute(SQL["run"])
    for rpps in (GONE, HOLDER, JUST_CLOSED):
        a_practitioner(clock, rpps=rpps, register_state="closed")
    closed = "UPDATE practitioner SET changed_run = (SELECT number FROM import_run WHERE id = %s) WHERE rpps = ANY (%s)"
    clock.execute(closed, ["old", [GONE, HOLDER]])
    clock.execute(closed, ["new", [JUST_CLOSED]])
    a_mailbox(clock, practitioner="8" + HOLDER)
    a_mailbox(clock, "old@ch-exemple.mssante.fr", state="withdrawn")
    for name, statement in SQL.items():
        if name != "run":
            clock.execute(statement.encode())


def test_each_rule_is_told_when_it_lags_and_done_by_its_duty(clock: Connection, settings: Settings) -> None:
    fill(clock)
    now = datetime.now(UTC)
    assert {table for table, _ in overdue(clock, settings, now)} == {kept.table for kept in RULES}
    (told,) = (each for each in examine(settings) if each.name == "retention")
    assert told.ok is False
    assert "import_reject since 20" in told.detail
    done = {kept.duty for kept in RULES}
    for duty in DUTIES:
        if duty.name in done:
            duty.do(clock, settings, now)
    # Files and rows of snapshots are swept by the clock that makes them (tests/publication).
    assert {table for table, _ in overdue(clock, settings, now)} == {"snapshot"}


def test_what_somebody_needs_stays(clock: Connection, settings: Settings) -> None:
    fill(clock)
    for duty in DUTIES:
        if duty.name in {kept.duty for kept in RULES}:
            duty.do(clock, settings, datetime.now(UTC))
    left = {
        "practitioner": 3, "practice": 2, "practitioner_role": 2, "skill": 2, "mailbox": 1, "disclosure": 1,
        "disclosure_day": 1, "import_change": 1, "import_reject": 1, "transfer": 1, "notice": 1, "import_run": 2,
        "api_key": 0, "client_key": 1,
    }  # fmt: skip
    assert {table: count(clock, table) for table in left} == left


def test_who_was_struck_off_and_forgotten_is_still_struck_off(clock: Connection, settings: Settings) -> None:
    """Else a line of another file that names the number would be taken for somebody whom the register does not know."""
    fill(clock)
    prune(clock, settings, datetime.now(UTC))
    assert clock.execute("SELECT count(*) FROM practice WHERE practitioner = %s", ["8" + GONE]).fetchone() == (0,)
    address = a_mailbox(clock, "back@ch-exemple.mssante.fr", practitioner="8" + GONE)
    publish(clock, ("mailbox", address))
    assert clock.execute("SELECT FROM publication WHERE key = %s", [address]).fetchall() == []


def test_every_rule_has_a_duty_that_exists() -> None:
    names = {duty.name for duty in DUTIES} | {"the clock of snapshots"}
    assert {kept.duty for kept in RULES} <= names


def test_a_worker_that_was_away_for_a_night_is_no_fault(clock: Connection, settings: Settings) -> None:
    fill(clock)
    clock.execute("DELETE FROM consultation")
    yesterday = datetime.now(UTC) - timedelta(days=settings.consultation_days + 1)
    clock.execute(
        "INSERT INTO consultation (at, caller, route, status, shown, request_id) VALUES (%s, 'a', 'r', 200, 1, 'q')",
        [yesterday],
    )
    assert "consultation" not in {table for table, _ in overdue(clock, settings, datetime.now(UTC))}


def count(clock: Connection, table: str) -> int:
    row = clock.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
