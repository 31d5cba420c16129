"""Idempotency-Key: sent again, a request has one effect and gets the first answer."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.idempotency import IDEMPOTENCY_LOCK
from tests.builders import DOMAIN
from tests.harness.database import Database
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, per

Connection = psycopg.Connection[Any]


def told(answer: Any) -> tuple[Any, ...]:
    own = {"x-request-id", "ratelimit", "ratelimit-policy", "date"}
    return answer.status_code, answer.content, {n: v for n, v in answer.headers.items() if n not in own}


def audited(world: Connection) -> int:
    world.rollback()
    row = world.execute("SELECT count(*) FROM audit").fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_request_gets_the_same_answer_and_has_one_effect(operator: Operator, world: Connection) -> None:
    created = operator.put(idempotency_key="a")
    changed = operator.patch(ADDRESS, {"rank": 1}, if_match=created.headers["etag"], idempotency_key="b")
    hidden = operator.patch(ADDRESS, {"liste_rouge": True}, if_match=changed.headers["etag"], idempotency_key="c")
    gone = operator.delete(ADDRESS, if_match=hidden.headers["etag"], idempotency_key="d")
    assert [each.status_code for each in (created, changed, hidden, gone)] == [201, 200, 200, 204]
    before = audited(world)
    assert told(operator.put(idempotency_key="a")) == told(created)
    again = operator.patch(ADDRESS, {"rank": 1}, if_match=created.headers["etag"], idempotency_key="b")
    assert told(again) == told(changed)
    again = operator.patch(ADDRESS, {"liste_rouge": True}, if_match=changed.headers["etag"], idempotency_key="c")
    assert told(again) == told(hidden)
    assert told(operator.delete(ADDRESS, if_match=hidden.headers["etag"], idempotency_key="d")) == told(gone)
    assert audited(world) == before == 4


def test_another_request_under_the_key_is_refused(operator: Operator, client: TestClient) -> None:
    tag = operator.put(idempotency_key="a").headers["etag"]
    for answer in (
        operator.put(ADDRESS, per(rank=1), idempotency_key="a"),
        operator.put(f"bob@{DOMAIN}", idempotency_key="a"),
        operator.put(ADDRESS, per(), if_none_match="*", idempotency_key="a"),
        operator.patch(ADDRESS, per(), if_match=tag, idempotency_key="a"),
        operator.delete(ADDRESS, if_match=tag, idempotency_key="a"),
        client.post("/v1/mailboxes/batch", json={"items": []}, headers={**operator.headers, "Idempotency-Key": "a"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")


def test_a_key_is_its_operators_own(operator: Operator, other: Operator) -> None:
    operator.put(f"anne@{domain_of('shared')}", idempotency_key="a")
    assert other.put(f"bob@{domain_of('shared')}", idempotency_key="a").status_code == 201


def test_another_credential_of_the_operator_may_send_it_again(
    operator: Operator, client: TestClient, key_for: Callable[..., dict[str, str]]
) -> None:
    first = operator.put(idempotency_key="a")
    colleague = Operator(client, operator.id, key_for("publish", operator=operator.id))
    assert told(colleague.put(idempotency_key="a")) == told(first)


def test_what_was_refused_is_not_kept(operator: Operator, world: Connection) -> None:
    assert operator.put(ADDRESS, per(rank=0), idempotency_key="a").status_code == 422
    assert operator.put(f"anne@{domain_of('other')}", idempotency_key="a").status_code == 403
    world.rollback()
    assert world.execute("SELECT count(*) FROM idempotency_key").fetchone() == (0,)
    assert operator.put(ADDRESS, per(rank=1), idempotency_key="a").status_code == 201


def test_an_answer_is_given_again_after_the_right_to_write_is_gone(operator: Operator, world: Connection) -> None:
    first = operator.put(idempotency_key="a")
    world.execute("DELETE FROM domain WHERE name = %s", (DOMAIN,))
    world.commit()
    assert told(operator.put(idempotency_key="a")) == told(first)
    assert operator.put(idempotency_key="b").json()["code"] == "domain.not_yours"


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_is_a_short_text(operator: Operator, key: str) -> None:
    answer = operator.put(idempotency_key=key)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/header/idempotency-key")


def test_the_longest_key_is_taken_and_two_are_not(operator: Operator, client: TestClient) -> None:
    assert operator.put(idempotency_key="x" * 255).status_code == 201
    headers = [*operator.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert client.put(f"/v1/mailboxes/{ADDRESS}", json=per(), headers=headers).status_code == 422


def test_a_request_in_flight_is_told_so_at_once(operator: Operator, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (IDEMPOTENCY_LOCK, f"{operator.id} a"))
        answer = operator.put(idempotency_key="a")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.in_flight")
        assert int(answer.headers["retry-after"]) > 0
    assert operator.put(idempotency_key="a").status_code == 201


def test_in_parallel_one_request_has_an_effect_and_all_others_its_answer_or_none(
    operator: Operator, world: Connection
) -> None:
    addresses = [f"m{number}@{DOMAIN}" for number in range(5)]
    for address in addresses:
        answers: list[Any] = []
        start = threading.Barrier(6)

        def send(address: str = address, start: threading.Barrier = start, answers: list[Any] = answers) -> None:
            start.wait()
            answers.append(operator.put(address, idempotency_key=address))

        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        created = [answer for answer in answers if answer.status_code == 201]
        others = [answer for answer in answers if answer.status_code != 201]
        assert created
        assert len({answer.content for answer in created}) == 1
        assert {answer.json()["code"] for answer in others} <= {"idempotency.in_flight"}
    assert audited(world) == len(addresses)
