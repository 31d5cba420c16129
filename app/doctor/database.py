"""PostgreSQL itself: does it answer, and is anything in it that makes everything else slow or unsafe?"""

from datetime import timedelta

from app.db import also_of_replicas, connect
from app.doctor.finding import Looks, Seen, measured, note, well, wrong
from app.metrics.database import WATCHED
from app.settings import Settings
from app.standby.watch import held_by

# No transaction of ours waits for its client for longer than seconds; an import works for minutes, a dump for an hour.
IDLE_LIMIT = timedelta(minutes=5)
ACTIVE_LIMIT = timedelta(hours=2)
# Of max_connections: a deployment of API processes in front of it needs room for one more.
CROWDED = 0.8
STANDBY_LIMIT = timedelta(minutes=1)


def _database(settings: Settings) -> Seen:
    with connect(settings) as connection:
        said = f"PostgreSQL {connection.info.server_version // 10_000} answers"
        if connection.execute("SHOW transaction_read_only").fetchone() == ("on",):
            return wrong(
                f"{said}, and takes no writes (default_transaction_read_only)",
                "a host does so before the disk is full: free space, then set it off",
            )
        return well(said)


def _standby(settings: Settings) -> Seen:
    if settings.read_database_url is None:
        return note("none: the database above answers every read", "ANNUAIRE_READ_DATABASE_URL (docs/machines.md)")
    edition, epoch = held_by(settings.database_url)
    held, held_epoch = held_by(also_of_replicas(settings.read_database_url))
    if held_epoch != epoch:
        return wrong("it holds another history and is never read", "make it anew from the primary (pg_basebackup)")
    # The primary was asked first, so a replica that follows holds as much, or lacks what came in that moment.
    said = f"holds edition {held} of {edition}"
    return well(said) if held >= edition else note(said, "look again: it grows while the replica follows")


def _connections(settings: Settings) -> Seen:
    session = measured(settings, WATCHED)["session"]
    said = f"{session['sessions']} of {session['most']} are in use"
    if session["sessions"] > session["most"] * CROWDED:
        return wrong(said, "raise max_connections, lower ANNUAIRE_DATABASE_POOL or the number of processes")
    return well(said)


def _transactions(settings: Settings) -> Seen:
    """One that stays open keeps vacuum from its work in the whole cluster, and may hold locks."""
    session = measured(settings, WATCHED)["session"]
    remedy = "find it in pg_stat_activity by xact_start, end its client, or it: SELECT pg_terminate_backend(pid)"
    for state, limit in (("idle", IDLE_LIMIT), ("active", ACTIVE_LIMIT)):
        if session[state] > limit.total_seconds():
            return wrong(f"one is open since {_text(session[state])} and {state}", remedy)
    if not session["sees_all"]:
        return note(
            "those of other roles are not shown to this one",
            "as a superuser: GRANT pg_read_all_stats TO the roles of annuaire",
        )
    return well("none is open for long")


def _locks(settings: Settings) -> Seen:
    waiting = measured(settings, WATCHED)["session"]["waiting"]
    if waiting:
        return note(
            f"{waiting} sessions wait for a lock",
            "look again: if it lasts, pg_blocking_pids(pid) of pg_stat_activity names who holds it",
        )
    return well("nobody waits for one")


def _standbys(settings: Settings) -> Seen:
    standby = measured(settings, WATCHED)["standby"]
    said = f"{standby['standbys']} stream from here, the slowest {standby['seconds']:.0f} s behind"
    if standby["seconds"] > STANDBY_LIMIT.total_seconds():
        return wrong(
            said, "look at the standby's disk and network, and for long queries on it (pg_stat_activity there)"
        )
    return well(said)


def _text(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))


LOOKS: Looks = {
    "database": _database,
    "standby": _standby,
    "connections": _connections,
    "transactions": _transactions,
    "locks": _locks,
    "standbys": _standbys,
}
