"""DELETE: withdraw a mailbox, and say who follows."""

from http import HTTPStatus

from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mailboxes.absent import unknown, withdrawn
from app.mailboxes.outcome import Outcome
from app.mailboxes.preconditions import require_known_state
from app.mailboxes.row import Current, Standing
from app.mailboxes.wish import Wish
from app.mailboxes.write_problems import SuccessorInvalid


def withdraw(operator: str, wish: Wish, standing: Standing) -> Outcome:
    """The mailbox withdrawn. Raises MailboxUnknown, MailboxWithdrawn, SuccessorInvalid, and what preconditions raise.

    Nobody is told whether the successor exists: senders hear of it only while it is public itself.
    """
    current = required(operator, wish.address, standing)
    successor = _successor(wish)
    require_known_state(current, wish.if_match, wish.if_none_match)
    after = current.row.taken_over(operator, state="withdrawn", successor=successor)
    return Outcome(HTTPStatus.NO_CONTENT, current.row, after)


def required(operator: str, address: MailboxAddress, standing: Standing) -> Current:
    """The mailbox that is there. Raises MailboxUnknown, MailboxWithdrawn."""
    current = standing.mailboxes.get(address)
    if current is None:
        raise unknown()
    if current.withdrawn_at is not None:
        # The successor may be hidden: it is told here to the operator that named it alone.
        successor = current.row.successor if current.row.operator == operator else None
        raise withdrawn(current.withdrawn_at, successor, "withdrawn")
    return current


def _successor(wish: Wish) -> MailboxAddress | None:
    if wish.successor is None:
        return None
    try:
        successor = MailboxAddress.parse(wish.successor)
    except InvalidIdentifier as fault:
        raise SuccessorInvalid(str(fault)) from None
    if successor == wish.address:
        raise SuccessorInvalid("A mailbox does not succeed itself.")
    return successor
