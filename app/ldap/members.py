"""The members of a transaction, sent over the exporter's socket one by one, each answer awaited.

slapd runs up to two requests of a connection at once as soon as it is sent more than one: they would be queued in any
order, and the end of the transaction could overtake one of them, which kills slapd 2.5.13 (docs/decisions/0007).
"""

import socket
from collections.abc import Callable, Iterable

from app.ldap import ber
from app.ldap.operations import Operation

RECEIVED = 1 << 12
# slapd binds the transaction to the connection: the identifier in the control stays empty.
IN_TRANSACTION = ber.critical("1.3.6.1.1.21.2")


def queue(
    connection: socket.socket, operations: Iterable[Operation], next_number: Callable[[], int]
) -> tuple[Operation, ber.Answer] | None:
    """The first that slapd refused, with its answer; nothing is sent after it. None: all are queued, none executed yet.

    Raises OSError (also when slapd hangs up) and ber.Malformed.
    """
    for operation in operations:
        number = next_number()
        connection.sendall(ber.request(number, operation, IN_TRANSACTION))
        answer = _answer(connection)
        if answer.number != number:
            raise ber.Malformed(f"an answer to message {answer.number} where {number} is due")
        if answer.code:
            return operation, answer
    return None


def _answer(connection: socket.socket) -> ber.Answer:
    received = b""
    while (answer := ber.answer(received)) is None:
        block = connection.recv(RECEIVED)
        if not block:
            raise ConnectionResetError("slapd hung up")
        received += block
    return answer
