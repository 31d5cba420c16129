"""Why a write is refused: one class for each rule, in the order in which the rules are asked.

    caller        operator.not_publishing 403
    domain        domain.not_yours, mailbox.not_yours 403
    type          mailbox.immutable, mailbox.holder_missing, mailbox.member_not_allowed 422
                  mailbox.practitioner_unknown, mailbox.organization_unknown 404 · mailbox.practitioner_inactive 422
                  mailbox.organization_ambiguous 412
    limits        mailbox.member_limit, mailbox.successor_invalid 422
    uniqueness    precondition.missing 428 · precondition.failed, mailbox.exists 412 · mailbox.quarantined 409
                  (mailbox.unknown 404, mailbox.withdrawn 410)

The statuses are those of the national draft where it has one, else our own (mssante.md §3).
"""

from http import HTTPStatus
from typing import ClassVar

from app.problems import Problem


class AddressInvalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.address_invalid"
    title = "This is no address of a mailbox"


class OperatorNotPublishing(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "operator.not_publishing"
    title = "This operator may not publish now"


class DomainNotYours(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "domain.not_yours"
    title = "The white list does not give you this domain"


class MailboxNotYours(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "mailbox.not_yours"
    title = "This mailbox belongs to another operator"


class MailboxImmutable(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.immutable"
    title = "This never changes in a mailbox"


class HolderMissing(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.holder_missing"
    title = "A mailbox of this type needs a holder"


class MemberNotAllowed(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.member_not_allowed"
    title = "A mailbox of this type has no such member"


class PractitionerUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "mailbox.practitioner_unknown"
    title = "No such professional is in the register"


class PractitionerInactive(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.practitioner_inactive"
    title = "This professional is not active"


class OrganizationUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "mailbox.organization_unknown"
    title = "No register knows this structure"


class OrganizationsSeveral(Problem):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "mailbox.organization_ambiguous"
    title = "Several structures have this id"


class MemberLimit(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.member_limit"
    title = "A member is over its limit"


class SuccessorInvalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "mailbox.successor_invalid"
    title = "This address cannot succeed"


class PreconditionMissing(Problem):
    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition.missing"
    title = "Say which state you want to change"


class PreconditionFailed(Problem):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition.failed"
    title = "The mailbox is not in the state that you name"


class MailboxExists(Problem):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "mailbox.exists"
    title = "There is a mailbox at this address already"


class MailboxQuarantined(Problem):
    status = HTTPStatus.CONFLICT
    code = "mailbox.quarantined"
    title = "This address was withdrawn not long ago"


class IdempotencyMismatch(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency.mismatch"
    title = "This Idempotency-Key was used for another request"


class IdempotencyInFlight(Problem):
    status = HTTPStatus.CONFLICT
    code = "idempotency.in_flight"
    title = "The same request is being carried out"
    headers: ClassVar = {"Retry-After": "1"}


class BatchRefused(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "batch.refused"
    title = "Nothing was written, since not every line can be"


class LineNotTried(Problem):
    """Of a line that was in order, in a batch of which nothing was written."""

    status = HTTPStatus.FAILED_DEPENDENCY
    code = "batch.not_written"
    title = "Another line stopped this batch"
