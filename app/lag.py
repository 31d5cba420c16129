"""How far each channel lags behind the directory: measured by one statement, judged by limits that have a reason.

    publication   the oldest mark that waits to be published
    ldap          the oldest change that the tree does not hold, as the worker last saw it
    digest        the oldest change that the kept tree does not hold
    snapshot      the age of the newest full files on offer, else of the oldest change that is kept; and since when
                  those that were withdrawn, to hide somebody, have no successor
    push          the oldest change that a webhook was not told of, since it might have been: a receiver that does not
                  answer delays itself alone

`/metrics`, `/readyz` and `annuaire doctor` tell the same. A node is never unready because of a lag: it goes on
answering what it has, and to take all nodes away at once would help nobody.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from app.settings import Settings

MEASURE = """
WITH held AS (
  SELECT d.edition, s.seen_at,
    coalesce(CASE WHEN s.epoch = d.epoch THEN s.edition END, 0) AS ldap,
    coalesce((SELECT x.edition FROM digest_tree x WHERE x.epoch = d.epoch), 0) AS digest,
    (SELECT max(x.edition) FROM snapshot x WHERE x.epoch = d.epoch AND x.state = 'offered') AS snapshot,
    -- One that was withdrawn since, to hide somebody, was made in time all the same.
    (SELECT max(x.made_at) FROM snapshot x WHERE x.epoch = d.epoch) AS made_at,
    (SELECT max(x.withdrawn_at) FROM snapshot x WHERE x.epoch = d.epoch) AS withdrawn_at
  FROM directory d LEFT JOIN ldap_seen s ON true
)
SELECT h.edition, h.ldap, h.digest, coalesce(h.snapshot, 0),
  seconds_since((SELECT p.marked_at FROM pending p ORDER BY p.id LIMIT 1)),
  seconds_since((SELECT c.recorded_at FROM change c WHERE c.sequence > h.ldap ORDER BY c.sequence LIMIT 1)),
  seconds_since(h.seen_at),
  seconds_since((SELECT c.recorded_at FROM change c WHERE c.sequence > h.digest ORDER BY c.sequence LIMIT 1)),
  seconds_since(coalesce(h.made_at, kept.recorded_at)),
  CASE WHEN h.snapshot IS NULL THEN seconds_since(h.withdrawn_at) END,
  seconds_since(kept.recorded_at),
  (SELECT max(seconds_since(greatest(w.due_at, (
      SELECT c.recorded_at FROM change c WHERE c.sequence > w.edition ORDER BY c.sequence LIMIT 1))))
    FROM webhook w WHERE w.state = 'active' AND w.due_at <= clock_timestamp()
      AND (w.message IS NOT NULL OR w.edition < h.edition)),
  (SELECT count(*) FROM webhook w WHERE w.state = 'active' AND w.attempt = 0),
  (SELECT count(*) FROM webhook w WHERE w.state = 'active' AND w.attempt > 0),
  (SELECT count(*) FROM webhook w WHERE w.state = 'disabled')
FROM held h LEFT JOIN LATERAL (SELECT c.recorded_at FROM change c ORDER BY c.sequence LIMIT 1) kept ON true
"""

# A national import is published within minutes on two cores (docs/benchmarks.md): who waits longer has no worker.
PUBLICATION_LIMIT = timedelta(minutes=15)
# A change arrives in milliseconds, the tree of a nation is made anew in minutes: what lasts longer is a slapd that
# refuses.
LDAP_LIMIT = timedelta(minutes=10)
# The worker looks every five seconds: twelve looks that were missed are no accident.
LDAP_SEEN_LIMIT = timedelta(minutes=1)
# The worker keeps the tree every ten seconds, and hashes that of a nation anew in less than a minute.
DIGEST_LIMIT = timedelta(minutes=5)
# Files are made at their cadence; one that was missed is made up for, two mean that none can be made.
SNAPSHOT_CADENCES = 2
# Files that were withdrawn are made again after ten minutes: so many tries that hidings made vain are no accident.
SNAPSHOT_ABSENT_LIMIT = timedelta(hours=1)
# A letter takes eight seconds at most, and many travel at once.
PUSH_LIMIT = timedelta(minutes=5)


class Lag(NamedTuple):
    """What was measured. An edition is 0 where a channel holds none of this history; seconds are None for no lag."""

    edition: int
    ldap_edition: int
    digest_edition: int
    snapshot_edition: int
    publication: float | None
    ldap: float | None
    ldap_seen: float | None
    digest: float | None
    snapshot: float | None
    snapshot_absent: float | None
    feed_kept: float | None
    push: float | None
    webhooks_active: int
    webhooks_failing: int
    webhooks_disabled: int


class Late(NamedTuple):
    """A channel beyond its limit, and a sentence that says by how much and where to look."""

    channel: str
    detail: str


def judged(lag: Lag, settings: Settings) -> list[Late]:
    """The channels that are late. A channel that is switched off never is."""
    return list(_late(lag, settings))


def _late(lag: Lag, settings: Settings) -> Iterator[Late]:
    if _beyond(lag.publication, PUBLICATION_LIMIT):
        yield Late("publication", f"an id waits since {_text(lag.publication)}: is a worker running?")
    if settings.ldap_enabled:
        if lag.edition and (lag.ldap_seen is None or _beyond(lag.ldap_seen, LDAP_SEEN_LIMIT)):
            seen = "never" if lag.ldap_seen is None else f"not since {_text(lag.ldap_seen)}"
            yield Late("ldap", f"the worker has seen the tree {seen}: is it running, and does slapd answer?")
        elif _beyond(lag.ldap, LDAP_LIMIT):
            yield Late("ldap", f"a change is missing since {_text(lag.ldap)}, at edition {lag.ldap_edition}")
    if _beyond(lag.digest, DIGEST_LIMIT):
        yield Late("digest", f"a change is not reckoned since {_text(lag.digest)}, at edition {lag.digest_edition}")
    cadence = timedelta(hours=settings.snapshot_hours)
    if cadence and _beyond(lag.snapshot, cadence * SNAPSHOT_CADENCES):
        yield Late("snapshot", f"no full files were made since {_text(lag.snapshot)}: see the log of the worker")
    elif cadence and _beyond(lag.snapshot_absent, SNAPSHOT_ABSENT_LIMIT):
        absent = _text(lag.snapshot_absent)
        yield Late("snapshot", f"no full files are offered since {absent}: somebody is hidden again and again")
    if _beyond(lag.push, PUSH_LIMIT):
        yield Late(
            "push", f"a webhook is not told since {_text(lag.push)}: is a worker running, and has it the pepper?"
        )


def _beyond(seconds: float | None, limit: timedelta) -> bool:
    return seconds is not None and seconds > limit.total_seconds()


def _text(seconds: float | None) -> str:
    return str(timedelta(seconds=int(seconds or 0)))
