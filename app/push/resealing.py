"""Secrets that lie under a former pepper are sealed anew, so that the former one can be taken out some day.

A key waits for its next use, since only its holder has it. We hold the secrets of webhooks, so all go over at once:
one whose kinds seldom change would otherwise be lost with the former pepper, before it was ever used.
"""

from typing import Any

import psycopg
import structlog

from app.access.peppers import Peppers
from app.push.secret import SecretLost, seal, unseal

logger = structlog.get_logger(__name__)

FORMER = "SELECT id, pepper, secret FROM webhook WHERE pepper = ANY (%s)"
RESEAL = "UPDATE webhook SET secret = %s, pepper = %s WHERE id = %s AND pepper = %s AND secret = %s"


def reseal(connection: psycopg.Connection[Any], peppers: Peppers) -> int:
    """Seal every secret under the pepper in force. Returns how many were not."""
    if not peppers.former:
        return 0
    sealed = 0
    rows = connection.execute(FORMER, ([each.id for each in peppers.former],)).fetchall()
    for webhook, pepper, before in rows:
        try:
            secret = unseal(peppers, pepper, webhook, before)
        except SecretLost as lost:  # spoiled in the table: its next delivery says so
            logger.warning("the secret of a webhook cannot be sealed anew", webhook=webhook, reason=str(lost))
            continue
        after = seal(peppers.current, webhook, secret)
        sealed += connection.execute(RESEAL, (after, peppers.current.id, webhook, pepper, before)).rowcount
    return sealed
