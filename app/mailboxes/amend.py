"""PATCH: change a mailbox by a merge patch (RFC 7396)."""

from http import HTTPStatus

from app.mailboxes import rules
from app.mailboxes.outcome import Outcome
from app.mailboxes.preconditions import require_known_state
from app.mailboxes.row import Standing
from app.mailboxes.wish import MailboxPatch, Wish
from app.mailboxes.withdraw import required


def amend(operator: str, wish: Wish, body: MailboxPatch, standing: Standing) -> Outcome:
    """The mailbox with the patch laid over it. Raises what the rules raise, MailboxUnknown, MailboxWithdrawn."""
    current = required(operator, wish.address, standing)
    changes = rules.changes_of(body)
    rules.require_same(wish.address, body, current.row, standing)
    rules.require_type(current.row.type, changes, current.row)
    rules.require_limits(changes, current.row)
    require_known_state(current, wish.if_match, wish.if_none_match)
    return Outcome(HTTPStatus.OK, current.row, current.row.taken_over(operator, **changes))
