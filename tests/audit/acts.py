"""A trail with plain defaults."""

from dataclasses import replace
from typing import Any

import psycopg

from app.access.audit import Act, append

Connection = psycopg.Connection[Any]

ACT = Act("k3l5m7n2p4", "key:k3l5m7n2p4", None, "key.issued", "key", "abc", None, b"\1\2", 'line\n"é"\x01', "req-1")


def a_trail(connection: Connection, length: int) -> None:
    """`length` acts, no two alike."""
    for number in range(1, length + 1):
        append(
            connection,
            replace(
                ACT,
                object_key=f"k{number}",
                operator=None,
                before=None if number % 2 else number.to_bytes(2, "big"),
                request_id=f"req-{number}" if number % 3 else None,
            ),
        )
    connection.commit()
