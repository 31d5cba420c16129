"""What a log may say of an error: its kind and its place, and words only where nobody is named in them.

PostgreSQL quotes values (`DETAIL: Key (address)=…`), SQLAlchemy adds the parameters of a statement, and a ValueError
shows what it could not read: addresses, names, what somebody searched for.
"""

import traceback

import psycopg

from app.console import Refused, one_line

# SQLSTATE classes whose message itself quotes a value: data, what our own functions raise, internal.
QUOTING = frozenset({"22", "P0", "XX"})


def fault(error: BaseException) -> str:
    """One line that names nobody."""
    cause = getattr(error, "orig", None)  # what SQLAlchemy wraps
    if isinstance(cause, BaseException):
        error = cause
    name = type(error).__name__
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            # Of a connection: hosts and ports.
            return f"{name}: {one_line(error)}"
        words = "" if error.sqlstate[:2] in QUOTING else f": {error.diag.message_primary}"
        return f"{name} {error.sqlstate}{words}"
    if isinstance(error, OSError | Refused):
        return f"{name}: {one_line(error)}"
    return name


def told(error: BaseException) -> str:
    """The places of an error and of those that led to it, the last one last, each with its `fault`."""
    parts: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        parts.append("".join(traceback.format_tb(each.__traceback__)) + fault(each))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n\nthen:\n\n".join(reversed(parts))
