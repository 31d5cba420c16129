"""How long each table keeps what comes into it, and who takes it out: docs/rgpd.md tells it, `annuaire doctor` asks.

The rules themselves stand with their features, which the worker's duties do; here is one line for each, by which it is
measured whether they are done. A table that is not here grows with nothing but the directory, or is one row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.practitioners import retention as practitioners
from app.push.retention import DELIVERED_FOR
from app.settings import Settings

# A worker that was away for a night is no fault; the log and deliveries go by whole days besides.
SLACK = timedelta(days=2)
OLDEST = "SELECT min({since}) FROM {table} x WHERE {since} < %(before)s AND {where}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule: rows of `table` (called x) for which `where` holds go when `since`, an expression, is `age` ago.

    `rule`: the age in words, with its setting. `duty`: who does it, as app.duties.catalogue or the worker calls it.
    """

    table: str
    since: str
    rule: str
    age: Callable[[Settings], timedelta]
    duty: str
    where: str = "true"


def _days(setting: str) -> Callable[[Settings], timedelta]:
    return lambda settings: timedelta(days=getattr(settings, setting))


def _day(days: int) -> Callable[[Settings], timedelta]:
    return lambda _: timedelta(days=days)


CREDENTIALS = "forget tokens and certificates that ended"
MAILBOXES = "forget withdrawn mailboxes and kept answers"
SHOWN = "forget who was shown whom on days that are over"
IMPORTS = "forget plans, undo and rejected lines of old imports"
PERSONS = "forget who left the register"
PARIS_DAY = "(x.day + 1)::timestamp AT TIME ZONE 'Europe/Paris'"
OF_RUN = "(SELECT coalesce(r.applied_at, r.started_at) FROM import_run r WHERE {run} = x.run)"

RULES: tuple[Kept, ...] = (
    Kept("access_token", "x.expires_at", "1 day after its end", _day(1), CREDENTIALS),
    Kept("client_assertion", "x.expires_at", "1 day after its end", _day(1), CREDENTIALS),
    Kept("client_certificate", "x.expires_at", "90 days after its end", _day(90), CREDENTIALS),
    Kept(
        "consultation",
        "x.at",
        "`ANNUAIRE_CONSULTATION_DAYS`",
        _days("consultation_days"),
        "forget old consultations",
    ),
    Kept("disclosure", PARIS_DAY, "the day, in France", _day(0), SHOWN),
    Kept("disclosure_day", PARIS_DAY, "the day, in France", _day(0), SHOWN),
    Kept(
        "idempotency_key",
        "x.recorded_at",
        "`ANNUAIRE_IDEMPOTENCY_HOURS`",
        lambda settings: timedelta(hours=settings.idempotency_hours),
        MAILBOXES,
    ),
    Kept("withdrawn", "x.since", "`ANNUAIRE_MAILBOX_TOMBSTONE_DAYS`", _days("mailbox_tombstone_days"), MAILBOXES),
    Kept(
        "mailbox",
        "coalesce(x.withdrawn_at, x.updated_at)",
        "after its withdrawal the longest of `ANNUAIRE_MAILBOX_TOMBSTONE_DAYS`, `ANNUAIRE_MAILBOX_QUARANTINE_DAYS` and"
        " `ANNUAIRE_IMPORT_UNDO_DAYS`; its attachments with it",
        lambda settings: timedelta(days=practitioners.days(settings)),
        MAILBOXES,
        "x.state = 'withdrawn'",
    ),
    Kept(
        "practice",
        "(SELECT coalesce(r.applied_at, r.started_at) FROM practitioner p JOIN import_run r ON r.number = p.changed_run"
        " WHERE p.national_id = x.practitioner AND p.register_state = 'closed')",
        "after the person left the register the same, and until no mailbox is attached; name, roles, skills and"
        " qualifications with it. The number stays, so that it stays closed",
        lambda settings: timedelta(days=practitioners.days(settings)),
        PERSONS,
        "NOT EXISTS (SELECT FROM mailbox_attachment a WHERE a.practitioner = x.practitioner)"
        " AND NOT EXISTS (SELECT FROM import_change c WHERE c.before ->> 'practitioner' = x.practitioner)",
    ),
    Kept(
        "import_change",
        OF_RUN.format(run="r.number"),
        "of a plan `ANNUAIRE_IMPORT_PLAN_DAYS`, of an applied run `ANNUAIRE_IMPORT_UNDO_DAYS`",
        lambda settings: timedelta(days=max(settings.import_plan_days, settings.import_undo_days)),
        IMPORTS,
        "NOT EXISTS (SELECT FROM import_run w WHERE w.number = x.run AND w.wish IS NOT NULL)",
    ),
    Kept(
        "import_reject",
        OF_RUN.format(run="r.id"),
        "`ANNUAIRE_IMPORT_UNDO_DAYS`",
        _days("import_undo_days"),
        IMPORTS,
    ),
    Kept(
        "transfer",
        "coalesce(x.done_at, x.decided_at, x.effective_at)",
        "`ANNUAIRE_NOTICE_DAYS` after its end",
        _days("notice_days"),
        "forget transfers that ended",
        "x.state NOT IN ('proposed', 'agreed')",
    ),
    Kept(
        "notice",
        "x.at",
        "`ANNUAIRE_NOTICE_DAYS`; the last one of an operator stays, which numbers go on from",
        _days("notice_days"),
        "forget old notices",
        "x.number < (SELECT max(n.number) FROM notice n WHERE n.operator = x.operator)",
    ),
    Kept(
        "webhook_delivery",
        "x.at",
        "2 days; one that did not arrive `ANNUAIRE_FEED_DAYS`",
        lambda settings: max(DELIVERED_FOR, timedelta(days=settings.feed_days)),
        "forget old deliveries of webhooks",
    ),
    Kept(
        "change",
        "x.recorded_at",
        "`ANNUAIRE_FEED_DAYS`, by whole days, and while an offered snapshot leads into it",
        lambda settings: timedelta(days=settings.feed_days + 2),
        "keep the log of changes by days",
        "x.sequence <= coalesce((SELECT min(s.edition) FROM snapshot s WHERE s.state = 'offered'), x.sequence)",
    ),
    Kept(
        "snapshot",
        "x.made_at",
        "offered `ANNUAIRE_SNAPSHOT_DAYS`, its files no longer than that; the row `ANNUAIRE_FEED_DAYS`",
        _days("feed_days"),
        "the clock of snapshots",
        "x.state <> 'offered'",
    ),
)


def overdue(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> Iterator[tuple[str, datetime]]:
    """Each table that holds what should have gone SLACK ago, with the time of its oldest such row."""
    for kept in RULES:
        before = now - kept.age(settings) - SLACK
        statement = OLDEST.format(since=kept.since, table=kept.table, where=kept.where)
        row = connection.execute(statement.encode(), {"before": before}).fetchone()
        if row and row[0] is not None:
            yield kept.table, row[0]
