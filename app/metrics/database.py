"""PostgreSQL as every session sees it: sessions, the oldest transaction, who waits for a lock, archive, standbys.

A transaction that stays open holds vacuum back in the whole cluster, whoever opened it, so all databases count. What
others do is shown to members of `pg_read_all_stats` alone: without that, `annuaire_database_sees_all` is 0, and the
oldest transaction is that of our own role.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge, Watched

SESSIONS = """
SELECT count(*) AS sessions, current_setting('max_connections')::integer AS most,
  coalesce(max(age) FILTER (WHERE state = 'active'), 0) AS active,
  coalesce(max(age) FILTER (WHERE starts_with(state, 'idle in transaction')), 0) AS idle,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
  pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all
FROM (
  SELECT state, wait_event_type, extract(epoch FROM clock_timestamp() - xact_start) AS age
  FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
) session
"""
ARCHIVE = """
SELECT failed_count AS failures,
  current_setting('archive_mode') <> 'off'
  AND coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS is_failing,
  CASE WHEN current_setting('archive_mode') <> 'off'
    THEN extract(epoch FROM clock_timestamp() - last_archived_time) END AS age
FROM pg_stat_archiver
"""
# A standby that has all has no lag; pg_current_wal_lsn() is refused where we read from a standby ourselves.
STANDBYS = """
SELECT count(*) AS standbys, coalesce(max(extract(epoch FROM replay_lag)), 0) AS seconds,
  coalesce(max(CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() - replay_lsn END), 0) AS bytes
FROM pg_stat_replication
"""
SQL = f"""
SELECT json_build_object('session', to_json(s), 'archive', to_json(a), 'standby', to_json(r))
FROM ({SESSIONS}) s, ({ARCHIVE}) a, ({STANDBYS}) r
"""  # noqa: S608 - our own words

CONNECTIONS = Gauge("annuaire_database_connections", "Sessions of PostgreSQL, of all databases")
MOST_CONNECTIONS = Gauge("annuaire_database_connections_limit", "max_connections of PostgreSQL")
OLDEST = Gauge("annuaire_database_oldest_transaction_seconds", "Age of the oldest open transaction", ("state",))
WAITING = Gauge("annuaire_database_lock_waits", "Sessions that wait for a lock")
SEES_ALL = Gauge("annuaire_database_sees_all", "0 = transactions of other roles are not shown to us")
ARCHIVE_FAILING = Gauge("annuaire_database_archive_failing", "1 = the last try to archive WAL failed")
ARCHIVE_AGE = Gauge("annuaire_database_archive_age_seconds", "Since WAL was last archived; none where it is not")
ARCHIVE_FAILURES = Gauge("annuaire_database_archive_failures", "Tries to archive WAL that failed, ever")
STANDBY_COUNT = Gauge("annuaire_database_standbys", "Standbys that stream from here")
STANDBY_SECONDS = Gauge("annuaire_database_standby_lag_seconds", "How long the slowest standby takes to replay")
STANDBY_BYTES = Gauge("annuaire_database_standby_lag_bytes", "WAL that the slowest standby has not replayed")


def _shown(found: Any) -> Iterator[Metric]:
    session, archive, standby = found["session"], found["archive"], found["standby"]
    yield CONNECTIONS.at(session["sessions"])
    yield MOST_CONNECTIONS.at(session["most"])
    yield OLDEST.by({("active",): session["active"], ("idle",): session["idle"]})
    yield WAITING.at(session["waiting"])
    yield SEES_ALL.at(session["sees_all"])
    yield ARCHIVE_FAILING.at(archive["is_failing"])
    yield ARCHIVE_AGE.at(archive["age"])
    yield ARCHIVE_FAILURES.at(archive["failures"])
    yield STANDBY_COUNT.at(standby["standbys"])
    yield STANDBY_SECONDS.at(standby["seconds"])
    yield STANDBY_BYTES.at(standby["bytes"])


WATCHED = Watched(SQL, _shown)
