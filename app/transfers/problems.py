"""Why a transfer is not proposed, agreed to or taken back: a class for each fault of the functions of the database."""

from http import HTTPStatus

from app.mailboxes.write_problems import DomainNotYours
from app.problems import Problem


class TransferUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "transfer.unknown"
    title = "No such transfer concerns you"


class TransferOtherSide(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "transfer.other_side"
    title = "This is for the other side to do"


class TransferNotGivers(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "transfer.not_givers"
    title = "This is not the giver's to give"


class TransferClosed(Problem):
    status = HTTPStatus.CONFLICT
    code = "transfer.closed"
    title = "This transfer is over"


class TransferOpen(Problem):
    status = HTTPStatus.CONFLICT
    code = "transfer.open"
    title = "Another transfer of this is open"


class TransferReceiver(Problem):
    status = HTTPStatus.CONFLICT
    code = "transfer.receiver"
    title = "The receiver cannot take this"


class TransferAddressTaken(Problem):
    status = HTTPStatus.CONFLICT
    code = "transfer.address_taken"
    title = "The new address is not free"


class TransferNewAddress(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "transfer.new_address"
    title = "This new address cannot be given"


EVERY = (
    TransferUnknown,
    TransferOtherSide,
    TransferNotGivers,
    TransferClosed,
    TransferOpen,
    TransferReceiver,
    TransferAddressTaken,
    TransferNewAddress,
)
BY_FAULT = {each.code: each for each in (DomainNotYours, *EVERY)}
