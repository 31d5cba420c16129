"""Webhooks as their owners handle them. The statements serve requests and commands alike.

The owner is an operator, whatever credential acts for it, or the key itself where it acts for none. Of somebody else's
webhook nobody learns that it exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.access.audit import Act
from app.access.key_form import random_id
from app.access.peppers import Pepper
from app.push.letters import LEAST_BETWEEN
from app.push.secret import new_secret, seal, shown

KINDS = ("mailbox", "organization", "practitioner")
# Of one owner: a copy needs one; a second takes over when the secret of the first is changed.
MOST = 10
DELIVERIES_SHOWN = 50

# Those of one owner wait for one another, so that no two of them are the tenth.
TAKE_TURNS = (
    "SELECT pg_advisory_xact_lock(14, hashtext(concat('webhook ', %(operator)s::text, ' ', %(api_key)s::text)))"
)
OWNED = "(w.operator = %(operator)s OR w.api_key = %(api_key)s)"
SHOWN = """
  w.id, w.operator, w.api_key, w.url, w.kinds, w.state, w.disabled_why, w.created_at, w.epoch, w.edition, w.attempt,
  CASE WHEN w.state = 'active' AND w.message IS NOT NULL THEN w.due_at END AS next_attempt_at
"""
ADD = f"""
INSERT INTO webhook AS w (id, operator, api_key, url, kinds, secret, pepper, epoch, edition)
SELECT %(id)s, %(operator)s, %(api_key)s, %(url)s, %(kinds)s, %(secret)s, %(pepper)s, d.epoch, d.edition
FROM directory d WHERE (SELECT count(*) FROM webhook w WHERE {OWNED}) < %(most)s
RETURNING {SHOWN}
"""  # noqa: S608 - our own text
OWN = f"SELECT {SHOWN} FROM webhook w WHERE {OWNED} ORDER BY w.created_at, w.id"  # noqa: S608 - our own text
EVERY = f"SELECT {SHOWN} FROM webhook w ORDER BY w.created_at, w.id"  # noqa: S608 - our own text
# `anybody`: for administrators, who run commands.
ONE = f"SELECT {SHOWN} FROM webhook w WHERE w.id = %(id)s AND (%(anybody)s OR {OWNED})"  # noqa: S608 - our own text
DELETE = f"""
DELETE FROM webhook w WHERE w.id = %(id)s AND (%(anybody)s OR {OWNED}) RETURNING {SHOWN}
"""  # noqa: S608 - our own text
# Without an edition: what its last letter told of is told once more. However often this is asked for, its receiver is
# left the pause between two letters: nobody makes us a hammer.
REPLAY = f"""
UPDATE webhook w SET state = 'active', disabled_why = NULL, attempt = 0, epoch = d.epoch,
  due_at = greatest(clock_timestamp(), interval '{LEAST_BETWEEN.total_seconds()} s'
    + (SELECT x.at FROM webhook_delivery x WHERE x.webhook = w.id ORDER BY x.id DESC LIMIT 1)),
  edition = least(d.edition, coalesce(%(edition)s::bigint,
    (SELECT x.after FROM webhook_delivery x WHERE x.webhook = w.id ORDER BY x.id DESC LIMIT 1), d.edition)),
  message = NULL, body = NULL, next_epoch = NULL, next_edition = NULL
FROM directory d WHERE w.id = %(id)s AND (%(anybody)s OR {OWNED})
RETURNING {SHOWN}
"""  # noqa: S608 - our own text
DELIVERIES = f"""
SELECT x.message, x.after, x.edition, x.attempt, x.at, x.outcome, x.status, x.detail, x.ms
FROM webhook_delivery x WHERE x.webhook = %(id)s ORDER BY x.id DESC LIMIT {DELIVERIES_SHOWN}
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose webhooks: one of the two is set, or `anybody` for an administrator who runs a command."""

    operator: str | None = None
    api_key: str | None = None
    anybody: bool = False

    def having(self, **values: Any) -> dict[str, Any]:
        """Parameters of a statement."""
        return {"operator": self.operator, "api_key": self.api_key, "anybody": self.anybody, **values}


def made(owner: Owner, pepper: Pepper, url: str, kinds: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Parameters of ADD for a new webhook, and its secret as its owner is told it, once."""
    identifier, secret = random_id(), new_secret()
    values = owner.having(
        id=identifier,
        url=url,
        kinds=sorted(set(kinds)) or list(KINDS),
        secret=seal(pepper, identifier, secret),
        pepper=pepper.id,
        most=MOST,
    )
    return values, shown(secret)


def act(row: Mapping[str, Any], action: str, actor: str, credential: str, request_id: str | None = None) -> Act:
    """What is written down of it. The URL is not: it may hold a word that lets in."""
    detail = f"tells of {', '.join(row['kinds'])} from edition {row['edition']}"
    return Act(actor, credential, row["operator"], action, "webhook", row["id"], detail=detail, request_id=request_id)
