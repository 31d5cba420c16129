"""The directory itself: its edition, what waits to be published, and how far each channel is behind (app.lag)."""

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

from app.lag import MEASURE, Lag
from app.metrics.measured import Gauge

STATE = """
SELECT d.edition AS now, coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false) AS has_white_list,
       ARRAY(SELECT version_num FROM alembic_version) AS versions, (SELECT count(*) FROM pending) AS waiting,
       obj_description('alembic_version'::regclass, 'pg_class') AS promise, (SELECT count(*) FROM ldap_aside) AS aside
FROM directory d
"""
# State and lag of one moment, the fields of both in their order.
DIRECTORY = f"""
WITH lag ({", ".join(Lag._fields)}) AS ({MEASURE})
SELECT state.*, lag.* FROM ({STATE}) state CROSS JOIN lag
"""  # noqa: S608 - our own words
CHANNELS = ("publication", "ldap", "digest", "snapshot", "push")
WEBHOOK_STATES = ("active", "failing", "disabled")

EDITION = Gauge("annuaire_edition", "Edition of the directory")
PENDING = Gauge("annuaire_pending", "Ids that wait to be published")
WHITE_LIST = Gauge("annuaire_domain_rule", "1 = a white list is in force, 0 = mailboxes of any domain are published")
CHANNEL_EDITION = Gauge("annuaire_channel_edition", "Edition that a channel holds", ("channel",))
CHANNEL_LAG = Gauge("annuaire_channel_lag_seconds", "Age of the oldest that it does not hold", ("channel",))
CHANNEL_LATE = Gauge("annuaire_channel_late", "1 = its lag is beyond its limit", ("channel",))
LDAP_SEEN = Gauge("annuaire_ldap_seen_seconds", "Since the worker last saw the tree")
LDAP_ASIDE = Gauge("annuaire_ldap_set_aside", "Published mailboxes that the tree cannot hold")
KEPT = Gauge("annuaire_feed_kept_seconds", "Age of the oldest change in the feed")
ABSENT = Gauge("annuaire_snapshot_absent_seconds", "Since when withdrawn files have no successor")
WEBHOOKS = Gauge("annuaire_webhooks", "Webhooks by state", ("state",))


class State(NamedTuple):
    """What the database says of itself: edition, white list in force, revisions of its schema, ids that wait.

    `promise`: which other code the schema serves (app.schema.standing). `set_aside`: mailboxes that LDAP cannot hold.
    """

    edition: int
    has_white_list: bool
    versions: list[str]
    pending: int
    promise: str | None
    set_aside: int


def shown(state: State, lag: Lag, late: Collection[str]) -> Iterator[Metric]:
    """A channel that does not lag is at zero; age of a tree that was never seen is not a number."""
    yield EDITION.at(state.edition)
    yield PENDING.at(state.pending)
    yield WHITE_LIST.at(state.has_white_list)
    editions = {"ldap": lag.ldap_edition, "digest": lag.digest_edition, "snapshot": lag.snapshot_edition}
    yield CHANNEL_EDITION.by({(channel,): edition for channel, edition in editions.items()})
    yield CHANNEL_LAG.by({(channel,): getattr(lag, channel) or 0 for channel in CHANNELS})
    yield CHANNEL_LATE.by({(channel,): channel in late for channel in CHANNELS})
    yield LDAP_SEEN.at(math.nan if lag.ldap_seen is None else lag.ldap_seen)
    yield LDAP_ASIDE.at(state.set_aside)
    yield KEPT.at(lag.feed_kept or 0)
    yield ABSENT.at(lag.snapshot_absent or 0)
    yield WEBHOOKS.by({(each,): getattr(lag, f"webhooks_{each}") for each in WEBHOOK_STATES})
