"""Operator x domain x verb x credential: every cell asked of the real application, and compared with the rules.

Cells do not see one another: what one may change is made for it, what none may change stands there for all to try, and
is found unchanged after each walk.
"""

from collections import Counter

import pytest

from tests.authorisation import oracle
from tests.authorisation.cells import Walk, cells
from tests.authorisation.conftest import Matrix, standing
from tests.authorisation.credentials import KINDS, NOBODYS
from tests.authorisation.names import INVALID, UNUSABLE
from tests.authorisation.space import OPERATORS

CALLERS: list[tuple[str | None, str]] = [(None, each) for each in NOBODYS]
CALLERS += [(who, each) for who in OPERATORS for each in KINDS]


@pytest.mark.parametrize(("operator", "credential"), CALLERS, ids=[f"{who}: {by}" for who, by in CALLERS])
def test_every_cell_answers_as_the_rules_say(matrix: Matrix, operator: str | None, credential: str) -> None:
    kind = (NOBODYS if operator is None else KINDS)[credential]
    sent = matrix.credentials[operator][credential]
    tag = f"t{CALLERS.index((operator, credential))}t"
    walk = Walk(matrix.app(kind), matrix.connection, operator, kind, sent, tag)
    matrix.served.run(_through(walk, matrix))
    assert walk.wrong == []
    assert standing(matrix.connection) == matrix.before
    assert left_by(matrix, walk) == (sorted(walk.done), sorted(expected_rows(walk)))


async def _through(walk: Walk, matrix: Matrix) -> None:
    await walk.doors()
    await walk.writes()
    await walk.batch()
    await walk.reads()
    await walk.lists()
    await walk.gifts()
    await walk.agreements(matrix.offered)


def expected_rows(walk: Walk) -> list[tuple[str, str, str]]:
    """The mailboxes that were made for these cells, or by them, as they are now: all written by the caller."""
    states = {"mailbox.withdrawn": "withdrawn"}
    owner = OPERATORS[walk.operator or ""].id if walk.done else ""
    return [(address, owner, states.get(action, "active")) for action, address in walk.done]


def left_by(matrix: Matrix, walk: Walk) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """What the audit trail holds of the walk, and the mailboxes it left."""
    acts = matrix.connection.execute(
        "SELECT action, object_key FROM audit WHERE request_id = %s AND object_kind = 'mailbox'", (walk.tag,)
    ).fetchall()
    rows = matrix.connection.execute(
        "SELECT address, operator, state FROM mailbox WHERE split_part(address, '@', 1) LIKE %s", (f"%-{walk.tag}",)
    ).fetchall()
    matrix.connection.rollback()
    return sorted(acts), sorted(rows)


def test_the_matrix_holds_cells_of_every_outcome() -> None:
    """What the rules say is itself no empty table: each refusal, and each success, is expected somewhere."""
    callers = [(who, (NOBODYS if who is None else KINDS)[by]) for who, by in CALLERS]
    written = Counter(oracle.write(who, kind, *cell)[1] for who, kind in callers for cell in cells(oracle.WRITES))
    shown = Counter(oracle.read(who, kind, *cell)[1] for who, kind in callers for cell in cells(oracle.READS))
    doors = {"credentials.missing", "credentials.invalid", "scope.missing", "credentials.too_weak"}
    certificates = {"certificate.invalid", "certificate.unknown", "certificate.not_from_proxy"}
    rules = {"operator.not_publishing", "domain.not_yours", "mailbox.not_yours"}
    assert set(written) == {*doors, *certificates, *rules, INVALID, UNUSABLE, None}
    assert {None, "mailbox.unknown", UNUSABLE} <= set(shown)
    assert written.total() > 30_000
