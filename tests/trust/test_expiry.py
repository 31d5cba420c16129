"""What ends soon is told 90, 30 and 7 days ahead, once each; candidates whose file became whole are admitted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.access.audit_verify import verify
from app.duties.catalogue import DUTIES
from app.settings import Settings
from app.trust.expiry import admit_complete, announce
from tests.builders import an_operator
from tests.trust.conformity import KINDS, Connection, a_candidate, a_complete_file, a_document

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def operator(connection: Connection) -> str:
    """An active operator whose contract ends a hundred days after DAY, and whose other documents end much later."""
    operator = a_candidate(connection)
    connection.execute("UPDATE operator SET state = 'active'")
    for kind, days in zip(KINDS, (100, 1_000, 1_000), strict=True):
        write(connection, operator, kind, days)
    return operator


def write(connection: Connection, operator: str, kind: str, days: int) -> None:
    """A document that ends so many days after DAY."""
    connection.execute(
        "INSERT INTO conformity_document (operator, kind, reference, starts_on, expires_on, recorded_by)"
        " VALUES (%s, %s, 'REF', '2020-01-01', %s, 'test')",
        [operator, kind, DAY.date() + timedelta(days=days)],
    )


def told(connection: Connection) -> list[tuple[str, str, int]]:
    """(code, key, days ahead) of all announcements."""
    rows = connection.execute("SELECT code, key, detail FROM notice WHERE code LIKE '%.expires' ORDER BY id").fetchall()
    return [(code, key, json.loads(detail)["ahead"]) for code, key, detail in rows]


def pass_days(connection: Connection, settings: Settings, first: int, last: int) -> None:
    """The duty of each of these days after DAY, done twice as after a worker that was killed."""
    for day in range(first, last + 1):
        for _ in range(2):
            announce(connection, settings, DAY + timedelta(days=day))


@pytest.mark.usefixtures("operator")
def test_a_document_is_announced_three_times_and_once_each(connection: Connection, settings: Settings) -> None:
    seen = []
    for day in range(130):
        pass_days(connection, settings, day, day)
        seen.append(told(connection))
    announced = [day for day in range(1, 130) if len(seen[day]) > len(seen[day - 1])]
    assert announced == [100 - 90, 100 - 30, 100 - 7]
    assert seen[-1] == [("conformity.expires", "contract", ahead) for ahead in (90, 30, 7)]


@pytest.mark.usefixtures("operator")
def test_who_was_told_nothing_for_long_is_told_once(connection: Connection, settings: Settings) -> None:
    pass_days(connection, settings, 95, 100)
    assert told(connection) == [("conformity.expires", "contract", 7)]


def test_what_was_renewed_in_time_is_announced_no_more(
    connection: Connection, settings: Settings, operator: str
) -> None:
    pass_days(connection, settings, 50, 50)
    assert told(connection) == [("conformity.expires", "contract", 90)]
    write(connection, operator, "contract", 800)
    pass_days(connection, settings, 51, 120)
    assert len(told(connection)) == 1
    pass_days(connection, settings, 710, 720)
    assert told(connection)[1:] == [("conformity.expires", "contract", 90)]


def test_a_day_begins_when_it_does_in_france(connection: Connection, settings: Settings, operator: str) -> None:
    connection.execute("DELETE FROM conformity_document WHERE kind <> 'contract'")
    # 91 days before the end, at 23:30 UTC: in France it is the day after.
    announce(connection, settings, datetime(2026, 3, 10, 22, 30, tzinfo=UTC))
    assert told(connection) == []
    announce(connection, settings, datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    assert told(connection) == [("conformity.expires", "contract", 90)]
    assert connection.execute("SELECT DISTINCT operator FROM notice").fetchall() == [(operator,)]


@pytest.mark.parametrize(("state", "count"), [("candidate", 1), ("suspended", 1), ("left", 0)])
def test_who_left_is_told_nothing(
    connection: Connection, settings: Settings, operator: str, state: str, count: int
) -> None:
    connection.execute("UPDATE operator SET state = %s WHERE id = %s", [state, operator])
    pass_days(connection, settings, 10, 10)
    assert len(told(connection)) == count


def test_an_exception_is_announced_while_something_is_missing(connection: Connection, settings: Settings) -> None:
    operator = a_candidate(connection)
    connection.execute(
        "INSERT INTO conformity_exception (operator, reason, expires_on, granted_by) VALUES (%s, 'x', %s, 'test')",
        [operator, DAY.date() + timedelta(days=20)],
    )
    pass_days(connection, settings, 0, 0)
    assert told(connection) == [("conformity.expires", "exception", 30)]
    a_complete_file(connection, operator)
    connection.execute("DELETE FROM notice")
    pass_days(connection, settings, 0, 0)
    assert ("conformity.expires", "exception", 30) not in told(connection)


def test_a_certificate_is_announced_where_its_end_is_known(connection: Connection, settings: Settings) -> None:
    operator = an_operator(connection)
    pass_days(connection, settings, 0, 0)
    assert told(connection) == []
    connection.execute("UPDATE operator_certificate SET expires_at = %s", [DAY + timedelta(days=7)])
    pass_days(connection, settings, 0, 7)
    assert told(connection) == [("certificate.expires", f"C=FR,CN=bal.exemple,OU={operator}", 7)]


def test_documents_of_a_listed_operator_bind_it_to_nothing(connection: Connection, settings: Settings) -> None:
    write(connection, an_operator(connection), "contract", 20)
    pass_days(connection, settings, 0, 0)
    assert told(connection) == []


def test_a_candidate_whose_last_document_begins_is_admitted(connection: Connection, settings: Settings) -> None:
    waiting, whole, listed = (a_candidate(connection, f"C{number}") for number in range(3))
    for operator, span in ((waiting, "future"), (whole, "in_force")):
        for kind in KINDS:
            a_document(connection, operator, kind, span if kind == "hosting" else "in_force")
    dn = f"CN=x,OU={listed}"
    connection.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", [dn, listed, dn]
    )
    connection.execute(
        "INSERT INTO domain (name, certificate, source) VALUES ('x.mssante.fr', %s, 'liste_blanche')", [dn]
    )
    for _ in range(2):
        admit_complete(connection, settings, DAY)
    states: dict[str, Any] = dict(connection.execute("SELECT id, state FROM operator").fetchall())
    assert states == {waiting: "candidate", whole: "active", listed: "active"}
    acts = connection.execute("SELECT action, object_key FROM audit ORDER BY sequence").fetchall()
    assert acts == [("operator.state_changed", whole), ("operator.state_changed", listed)]
    assert verify(connection).faults == []


def test_the_worker_does_it_every_day() -> None:
    daily = {duty.do for duty in DUTIES if duty.every == "day"}
    assert {announce, admit_complete} <= daily
