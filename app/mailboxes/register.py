"""PUT: publish a mailbox at an address that is free, or replace what may change of one that is there."""

from http import HTTPStatus

from app.mailboxes import rules
from app.mailboxes.outcome import Outcome
from app.mailboxes.preconditions import require_free, require_known_state
from app.mailboxes.row import OWN_SOURCE, Current, Holder, Row, Standing
from app.mailboxes.wish import MailboxPut, Wish
from app.mailboxes.write_problems import MailboxQuarantined


def register(operator: str, wish: Wish, body: MailboxPut, standing: Standing) -> Outcome:
    """What becomes of the address, in whose domain the operator may write. Raises what the rules raise."""
    current = standing.mailboxes.get(wish.address)
    changes = rules.changes_of(body)
    if current and not current.is_withdrawn:
        rules.require_same(wish.address, body, current.row, standing)
        rules.require_type(current.row.type, changes, current.row)
        rules.require_limits(changes, current.row)
        require_known_state(current, wish.if_match, wish.if_none_match)
        return Outcome(HTTPStatus.OK, current.row, current.row.taken_over(operator, **changes))
    rules.require_same_address(wish.address, body)
    holder = rules.holder_of(body, standing)
    rules.require_type(body.type, changes, None)
    rules.require_limits(changes, None)
    require_free(wish.if_match)
    if current:
        _require_no_quarantine(operator, holder, current)
    after = Row(wish.address, body.type, operator, OWN_SOURCE, (holder,), **changes)
    return Outcome(HTTPStatus.CREATED, current.row if current else None, after, is_reborn=current is not None)


def _require_no_quarantine(operator: str, holder: Holder, current: Current) -> None:
    """A sender may still mean the former holder. The operator that withdrew may give the address back to that one."""
    former = current.row
    is_same_holder = _is_same(holder, former.holders)
    if current.is_quarantined and not (is_same_holder and former.operator in {None, operator}):
        raise MailboxQuarantined(
            "Until its quarantine is over, the operator that withdrew it may publish it again, for the same holder."
        )


def _is_same(holder: Holder, former: tuple[Holder, ...]) -> bool:
    """Whether the person, or the structure where there is no person, was a holder before."""
    if holder.practitioner is not None:
        return holder.practitioner in {each.practitioner for each in former}
    return holder.organization in {each.organization for each in former if each.practitioner is None}
