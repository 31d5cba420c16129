"""Two at once: each outcome is one that some order of the two would have had."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.builders import DOMAIN, RPPS
from tests.harness.database import Database
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, per, together
from tests.publication.world import assert_world

Connection = psycopg.Connection[Any]
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def while_waiting(database: Database, call: Callable[[], Any], holder: Connection, then: Callable[[], None]) -> Any:
    """The answer of a call that waits for what `holder` holds, which does `then` once it sees it wait."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    with database.connect(autocommit=True) as watcher:
        while watcher.execute(WAITING).fetchone() == (0,) and thread.is_alive():
            thread.join(0.01)
    then()
    thread.join()
    assert not holder.closed
    return found[0]


def test_of_two_that_publish_one_address_one_does(operator: Operator, other: Operator, world: Connection) -> None:
    for number in range(8):
        address = f"m{number}@{domain_of('shared')}"
        answers = together(*(partial(each.put, address, per(service=each.id)) for each in (operator, other)))
        codes = sorted((answer.status_code, answer.json().get("code")) for answer in answers)
        assert codes == [(201, None), (403, "mailbox.not_yours")]
    for number in range(8):
        address = f"n{number}@{DOMAIN}"
        answers = together(*[partial(operator.put, address, if_none_match="*")] * 3)
        codes = sorted((answer.status_code, answer.json().get("code")) for answer in answers)
        assert codes == [(201, None), (412, "mailbox.exists"), (412, "mailbox.exists")]
    world.rollback()
    assert_world(world)


def test_of_two_that_change_one_state_one_does(operator: Operator, world: Connection) -> None:
    tag = operator.put().headers["etag"]
    for rank in range(1, 9):
        answers = together(
            *(partial(operator.patch, ADDRESS, {"rank": rank, "service": name}, if_match=tag) for name in "AB")
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        (done,) = [answer for answer in answers if answer.status_code == 200]
        tag = done.headers["etag"]
        assert operator.get().content == done.content
    world.rollback()
    assert_world(world)


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_domain_taken_away_between_check_and_commit_stops_the_write(
    operator: Operator, database: Database, *, is_committed: bool
) -> None:
    with database.connect() as importer:
        importer.execute("DELETE FROM domain WHERE name = %s", (DOMAIN,))
        end = importer.commit if is_committed else importer.rollback
        answer = while_waiting(database, operator.put, importer, end)
    assert answer.status_code == (403 if is_committed else 201)


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_certificate_that_goes_to_another_between_check_and_commit_stops_the_write(
    operator: Operator, other: Operator, database: Database, *, is_committed: bool
) -> None:
    """The rows of operator and domain stay as they are, so that neither holds the white list up."""
    with database.connect() as importer:
        importer.execute("UPDATE operator_certificate SET operator = %s WHERE operator = %s", (other.id, operator.id))
        end = importer.commit if is_committed else importer.rollback
        answer = while_waiting(database, operator.put, importer, end)
    assert answer.status_code == (403 if is_committed else 201)


def test_a_write_holds_its_certificates_until_it_is_committed(operator: Operator, database: Database) -> None:
    with database.connect() as blocker, database.connect() as importer:
        blocker.execute("SELECT pg_advisory_xact_lock(4)")

        def give_away() -> None:
            importer.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                importer.execute("SELECT FROM operator_certificate WHERE operator = %s FOR UPDATE", (operator.id,))
            importer.rollback()
            blocker.rollback()

        assert while_waiting(database, operator.put, blocker, give_away).status_code == 201


def test_a_white_list_and_a_write_take_their_locks_in_one_order(operator: Operator, database: Database) -> None:
    """As an import holds what it changes (app.imports.apply): operators, certificates, domains."""
    with database.connect() as importer:
        importer.execute("SELECT FROM operator_certificate WHERE operator = %s FOR UPDATE", (operator.id,))

        def go_on() -> None:
            importer.execute("SET lock_timeout = '200ms'")
            importer.execute("SELECT FROM domain WHERE name = %s FOR UPDATE", (DOMAIN,))
            importer.commit()

        assert while_waiting(database, operator.put, importer, go_on).status_code == 201


def test_an_operator_suspended_between_check_and_commit_stops_the_write(operator: Operator, database: Database) -> None:
    with database.connect() as admin:
        admin.execute("UPDATE operator SET state = 'suspended' WHERE id = %s", (operator.id,))
        answer = while_waiting(database, operator.put, admin, admin.commit)
    assert (answer.status_code, answer.json()["code"]) == (403, "operator.not_publishing")


def test_a_write_holds_its_domain_until_it_is_committed(operator: Operator, database: Database) -> None:
    """A white list that comes in between waits, or would leave a mailbox in a domain that was taken away."""
    with database.connect() as blocker, database.connect() as importer:
        blocker.execute("SELECT pg_advisory_xact_lock(4)")

        def take_away() -> None:
            importer.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                importer.execute("DELETE FROM domain WHERE name = %s", (DOMAIN,))
            importer.rollback()
            blocker.rollback()

        assert while_waiting(database, operator.put, blocker, take_away).status_code == 201


def test_a_person_struck_off_meanwhile_gets_no_mailbox(operator: Operator, database: Database) -> None:
    with database.connect() as importer:
        importer.execute("UPDATE practitioner SET register_state = 'closed' WHERE rpps = %s", (RPPS,))
        answer = while_waiting(database, operator.put, importer, importer.commit)
    assert answer.json()["code"] == "mailbox.practitioner_inactive"


def test_a_write_that_waits_too_long_changes_nothing_and_may_come_back(
    operator: Operator, database: Database, world: Connection
) -> None:
    tag = operator.put().headers["etag"]
    with database.connect() as importer:
        importer.execute("SELECT FROM mailbox WHERE address = %s FOR UPDATE", (ADDRESS,))
        answer = operator.patch(ADDRESS, {"rank": 1}, if_match=tag, idempotency_key="a")
        assert (answer.status_code, answer.json()["code"]) == (503, "write.busy")
        assert int(answer.headers["retry-after"]) > 0
    assert operator.patch(ADDRESS, {"rank": 1}, if_match=tag, idempotency_key="a").status_code == 200
    world.rollback()
    assert_world(world)


def test_a_write_in_a_domain_of_others_waits_for_nothing_there(
    operator: Operator, other: Operator, database: Database
) -> None:
    """Or the wait would tell that there is a mailbox, and whoever asks could make its operator wait."""
    address = f"hidden@{domain_of('other')}"
    other.put(address, per(liste_rouge=True))
    with database.connect() as importer:
        importer.execute("SELECT FROM mailbox WHERE address = %s FOR UPDATE", (address,))
        assert operator.put(address).json()["code"] == "domain.not_yours"


def test_many_writers_at_once_leave_the_publication_as_the_rule_says(
    operator: Operator, other: Operator, world: Connection
) -> None:
    """All of one person, so that each write changes the same document of hers too."""
    shared = domain_of("shared")

    def life(who: Operator, number: int) -> Callable[[], None]:
        def live() -> None:
            address = f"{number}.{who.id}@{shared}"
            tag = who.put(address, per(rank=number + 1)).headers["etag"]
            tag = who.patch(address, {"liste_rouge": True}, if_match=tag).headers["etag"]
            tag = who.patch(address, {"liste_rouge": False}, if_match=tag).headers["etag"]
            if number % 2:
                assert who.delete(address, if_match=tag).status_code == 204

        return live

    together(*(life(who, number) for who in (operator, other) for number in range(4)))
    world.rollback()
    assert_world(world)
    assert world.execute("SELECT count(*) FROM publication WHERE kind = 'mailbox'").fetchone() == (4,)
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (8 * 3 + 4,)
