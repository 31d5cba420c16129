"""Batches: a report line for each line, in order; line by line, or all or nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx2
import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes import batch_all
from app.mailboxes.batch_slots import BODIES_EACH, BatchSlots
from app.mailboxes.idempotency import IDEMPOTENCY_LOCK
from app.mailboxes.portions import Size
from app.main import create_app
from app.problems import WriteBusy
from app.settings import Settings
from tests.builders import DOMAIN, RPPS, a_practitioner, publish
from tests.harness.database import Database
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, org, per, together
from tests.publication.world import assert_world

Connection = psycopg.Connection[Any]
NDJSON = {"Content-Type": "application/x-ndjson"}


def put(name: str = "anne", domain: str = DOMAIN, **members: Any) -> dict[str, Any]:
    return {"operation": "put", "address": f"{name}@{domain}", **per(**members)}


def send(
    operator: Operator, lines: Iterable[Any], *, as_text: bool = True, query: str = "", headers: Mapping[str, str] = {}
) -> httpx2.Response:
    path = f"/v1/mailboxes/batch{query}"
    if not as_text:
        return operator.client.post(path, json={"items": list(lines)}, headers={**operator.headers, **headers})
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return operator.client.post(path, content=text.encode(), headers={**operator.headers, **NDJSON, **headers})


def told(answer: httpx2.Response) -> list[tuple[Any, ...]]:
    results = answer.json()["results"]
    return [(each["line"], each["address"], each["status"], each.get("code")) for each in results]


def whole(world: Connection) -> None:
    world.rollback()
    assert_world(world)


@pytest.mark.parametrize("as_text", [True, False])
def test_each_line_is_judged_for_itself_and_reported_in_order(
    operator: Operator, client: TestClient, world: Connection, *, as_text: bool
) -> None:
    operator.put(f"bob@{DOMAIN}")
    operator.put(f"old@{DOMAIN}")
    lines = [
        put("anne", rank=1),
        put("anne", domain=domain_of("other")),
        put("bob"),
        put("carl", rank=0),
        put("dora", practitioner="99900000078"),
        {"operation": "patch", "address": f"bob@{DOMAIN}", "if_match": operator.tag(f"bob@{DOMAIN}"), "rank": 2},
        {"operation": "patch", "address": f"bob@{DOMAIN}", "if_match": "*", "liste_rouge": True},
        {"operation": "delete", "address": f"old@{DOMAIN}", "if_match": "*", "successor": f"anne@{DOMAIN}"},
        {"operation": "delete", "address": f"never@{DOMAIN}", "if_match": "*"},
        {"operation": "put", "address": f"equipe@{DOMAIN}", **org(), "if_none_match": "*"},
        {"operation": "move", "address": f"x@{DOMAIN}"},
        {"operation": "put", "address": "no address", **per()},
        {"operation": "delete", "address": f"bob@{DOMAIN}", "if_match": "*", "rank": 1},
        {"operation": "patch", "address": f"bob@{DOMAIN}", "if_match": "*", "successor": ADDRESS},
        [],
    ]
    answer = send(operator, lines, as_text=as_text)
    assert answer.status_code == 200
    assert [(status, code) for _, _, status, code in told(answer)] == [
        (201, None),
        (403, "domain.not_yours"),
        (428, "precondition.missing"),
        (422, "mailbox.member_limit"),
        (404, "mailbox.practitioner_unknown"),
        (200, None),
        (200, None),
        (204, None),
        (404, "mailbox.unknown"),
        (201, None),
        (422, "request.invalid"),
        (422, "mailbox.address_invalid"),
        (422, "request.invalid"),
        (422, "request.invalid"),
        (422, "request.invalid"),
    ]
    assert [line for line, *_ in told(answer)] == list(range(1, 16))
    assert [address for _, address, *_ in told(answer)][:2] == [f"anne@{DOMAIN}", f"anne@{domain_of('other')}"]
    assert client.get(f"/v1/mailboxes/anne@{DOMAIN}").json()["rank"] == 1
    assert client.get(f"/v1/mailboxes/bob@{DOMAIN}").status_code == 404
    assert client.get(f"/v1/mailboxes/old@{DOMAIN}").json()["successor"] == f"anne@{DOMAIN}"
    whole(world)
    acts = world.execute("SELECT action FROM audit ORDER BY sequence OFFSET 2").fetchall()
    assert [action for (action,) in acts] == [
        "mailbox.created", "mailbox.changed", "mailbox.changed", "mailbox.withdrawn", "mailbox.created",
    ]  # fmt: skip


def test_lines_of_text_keep_their_physical_numbers_and_bad_ones_say_so(operator: Operator) -> None:
    lines = [
        "",
        json.dumps(put("anne")),
        "  ",
        "{",
        '{"a": 1, "a": 2}',
        '"text"',
        "x" * 20_000,
        "",
        json.dumps(put("bob")),
    ]
    assert told(send(operator, lines)) == [
        (2, f"anne@{DOMAIN}", 201, None),
        (4, None, 400, "request.unreadable"),
        (5, None, 400, "request.unreadable"),
        (6, None, 422, "request.invalid"),
        (7, None, 400, "request.unreadable"),
        (9, f"bob@{DOMAIN}", 201, None),
    ]


def test_a_batch_of_nothing_has_an_empty_report(operator: Operator) -> None:
    assert send(operator, []).json() == {"results": []}
    assert send(operator, [], as_text=False).json() == {"results": []}
    assert send(operator, [], query="?on_error=abort").json() == {"results": []}


def test_one_bad_line_stops_a_batch_all_or_nothing(operator: Operator, world: Connection) -> None:
    tag = operator.put().headers["etag"]
    lines = [
        put("bob"),
        {"operation": "delete", "address": ADDRESS, "if_match": tag},
        # Judged as if the lines before it were written.
        put("bob", rank=2),
        put("carl", domain=domain_of("other")),
        put("dora"),
    ]
    answer = send(operator, lines, query="?on_error=abort")
    assert (answer.status_code, answer.json()["code"]) == (422, "batch.refused")
    assert [(status, code) for _, _, status, code in told(answer)] == [
        (424, "batch.not_written"),
        (424, "batch.not_written"),
        (428, "precondition.missing"),
        (403, "domain.not_yours"),
        (424, "batch.not_written"),
    ]
    assert operator.tag() == tag
    whole(world)
    assert world.execute("SELECT count(*) FROM mailbox").fetchone() == (1,)
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (1,)


@pytest.mark.parametrize("at_once", [200, 3])
def test_a_batch_all_or_nothing_is_published_when_the_answer_comes(
    operator: Operator, client: TestClient, world: Connection, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Also one of so many lines that what shows something is published after the commit."""
    monkeypatch.setattr(batch_all, "AT_ONCE", at_once)
    operator.put(f"old@{DOMAIN}")
    lines: list[Any] = [put(f"m{number}") for number in range(12)]
    lines += [
        {"operation": "patch", "address": f"m1@{DOMAIN}", "if_match": "*", "liste_rouge": True},
        {"operation": "delete", "address": f"old@{DOMAIN}", "if_match": "*"},
        {"operation": "patch", "address": f"m2@{DOMAIN}", "if_match": "*"},
    ]
    answer = send(operator, lines, query="?on_error=abort")
    assert {status for _, _, status, _ in told(answer)} == {200, 201, 204}
    shown = client.get(f"/v1/mailboxes?domain={DOMAIN}").json()["items"]
    assert {item["address"] for item in shown} == {f"m{n}@{DOMAIN}" for n in range(12) if n != 1}
    assert client.get(f"/v1/mailboxes/old@{DOMAIN}").status_code == 410
    whole(world)
    assert world.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (15,)


@pytest.mark.parametrize("query", ["?on_error=skip", "?on_error=abort"])
def test_a_batch_with_a_key_has_one_effect(operator: Operator, world: Connection, query: str) -> None:
    lines = [put(f"m{number}") for number in range(3)]
    headers = {"Idempotency-Key": "a"}
    first = send(operator, lines, query=query, headers=headers)
    again = send(operator, lines, query=query, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (200, first.content)
    other = send(operator, lines[:2], query=query, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")
    world.rollback()
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (3,)


def test_a_refused_batch_leaves_its_key_free(operator: Operator) -> None:
    headers = {"Idempotency-Key": "a"}
    lines = [put("anne"), put("bob", rank=0)]
    assert send(operator, lines, query="?on_error=abort", headers=headers).status_code == 422
    assert send(operator, [put("anne")], query="?on_error=abort", headers=headers).status_code == 200


def test_a_batch_in_flight_is_told_so(operator: Operator, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (IDEMPOTENCY_LOCK, f"{operator.id} a"))
        for query in ("?on_error=skip", "?on_error=abort"):
            answer = send(operator, [put()], query=query, headers={"Idempotency-Key": "a"})
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.in_flight")
    assert send(operator, [put()], headers={"Idempotency-Key": "a"}).status_code == 200
    # The session's lock was given back.
    assert send(operator, [put()], headers={"Idempotency-Key": "a"}).status_code == 200


def test_a_batch_that_was_cut_short_goes_on_where_it_stopped(
    operator: Operator, world: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Size, "learn", lambda *_: None)
    monkeypatch.setattr("app.mailboxes.batch_routes.Size", lambda _: Size(100, lines=4))
    lines = [put(f"m{number}") for number in range(20)]
    # The connection dies while the third portion is written.
    world.execute(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    world.execute(
        "CREATE TRIGGER cut BEFORE INSERT ON mailbox FOR EACH ROW"
        f" WHEN (NEW.address = 'm9@{DOMAIN}') EXECUTE FUNCTION cut()"
    )
    world.commit()
    headers = {"Idempotency-Key": "a"}
    assert send(operator, lines, headers=headers).status_code == 503
    world.rollback()
    assert world.execute("SELECT count(*) FROM mailbox").fetchone() == (8,)
    world.execute("DROP TRIGGER cut ON mailbox")
    world.commit()
    answer = send(operator, lines, headers=headers)
    assert told(answer) == [(n + 1, f"m{n}@{DOMAIN}", 201, None) for n in range(20)]
    assert send(operator, lines, headers=headers).content == answer.content
    whole(world)
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (20,)


def test_lines_that_an_import_blocks_say_so_and_the_others_are_written(
    operator: Operator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.put()
    monkeypatch.setattr(Size, "learn", lambda *_: None)
    monkeypatch.setattr("app.mailboxes.batch_routes.Size", lambda _: Size(100, lines=2))
    with database.connect() as importer:
        importer.execute("SELECT FROM mailbox WHERE address = %s FOR UPDATE", (ADDRESS,))
        patch = {"operation": "patch", "address": ADDRESS, "if_match": "*", "rank": 1}
        answer = send(operator, [patch, put("bob"), put("carl"), put("dora"), "{"])
    assert [(status, code) for _, _, status, code in told(answer)] == [
        (503, "write.busy"),
        (503, "write.busy"),
        (201, None),
        (201, None),
        (400, "request.unreadable"),
    ]


def test_a_server_that_is_too_slow_spoils_a_portion_and_not_the_report(
    operator: Operator, database: Database, api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.mailboxes.batch_each.MOST_BUSY", 1)
    impatient = api_settings.model_copy(update={"statement_timeout_ms": 200})
    with TestClient(create_app(impatient), raise_server_exceptions=False) as client, database.connect() as drain:
        drain.execute("SELECT pg_advisory_xact_lock(4)")
        answer = send(Operator(client, operator.id, operator.headers), [put("anne"), put("bob"), "{"])
    assert [(status, code) for _, _, status, code in told(answer)] == [
        (503, "write.busy"),
        (503, "write.busy"),
        (400, "request.unreadable"),
    ]
    assert operator.get(f"anne@{DOMAIN}").status_code == 404


def test_a_batch_that_is_resumed_goes_on_behind_the_lines_that_were_put_off(
    operator: Operator, database: Database, api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.put()
    monkeypatch.setattr("app.mailboxes.batch_routes.Size", lambda _: Size(100, lines=1))
    patch = {"operation": "patch", "address": ADDRESS, "if_match": "*", "rank": 1}
    lines, headers = [patch, put("bob"), put("carl")], {"Idempotency-Key": "a"}

    async def killed(*_: object) -> None:
        raise InterruptedError

    with TestClient(create_app(api_settings), raise_server_exceptions=False) as client, database.connect() as importer:
        importer.execute("SELECT FROM mailbox WHERE address = %s FOR UPDATE", (ADDRESS,))
        with monkeypatch.context() as patched:
            patched.setattr("app.mailboxes.batch_each.idempotency.keep", killed)
            assert send(Operator(client, operator.id, operator.headers), lines, headers=headers).status_code == 500
    again = told(send(operator, lines, headers=headers))
    assert [(line, status, code) for line, _, status, code in again] == [
        (1, 503, "write.busy"),
        (2, 201, None),
        (3, 201, None),
    ]


def test_after_some_vain_portions_a_batch_waits_no_more(
    operator: Operator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.mailboxes.batch_each.MOST_BUSY", 1)
    monkeypatch.setattr("app.mailboxes.batch_routes.Size", lambda _: Size(100, lines=1))
    with database.connect() as importer:
        importer.execute("SELECT FROM domain FOR UPDATE")
        answer = send(operator, [*(put(f"m{number}") for number in range(50)), "{"])
    statuses = [status for _, _, status, _ in told(answer)]
    assert statuses == [503] * 50 + [400]


def test_all_or_nothing_an_import_in_the_way_stops_the_batch(operator: Operator, database: Database) -> None:
    operator.put()
    with database.connect() as importer:
        importer.execute("SELECT FROM mailbox WHERE address = %s FOR UPDATE", (ADDRESS,))
        patch = {"operation": "patch", "address": ADDRESS, "if_match": "*", "rank": 1}
        answer = send(operator, [put("bob"), patch], query="?on_error=abort")
    assert (answer.status_code, answer.json()["code"]) == (503, "write.busy")
    assert operator.get(f"bob@{DOMAIN}").status_code == 404


def test_a_body_that_cannot_be_a_batch_writes_nothing(operator: Operator, world: Connection) -> None:
    path, json_type = "/v1/mailboxes/batch", {"Content-Type": "application/json"}
    line = json.dumps(put()).encode()
    for content, kind, status in (
        (b'{"items": [' + line + b",", json_type, 400),
        (b'{"items": [' + line + b"]", json_type, 400),
        (b'{"items": [' + line + b"]} x", json_type, 400),
        (b'{"items": [' + line + b'], "more": 1}', json_type, 400),
        (b'{"lines": [' + line + b"]}", json_type, 400),
        (b"[" + line + b"]", json_type, 400),
        (line, {"Content-Type": "text/csv"}, 400),
        (b"\n".join([line] * 10_001), NDJSON, 413),
        (b'{"items": [' + b",".join([b"1"] * 10_001) + b"]}", json_type, 413),
        (b" " * 16_777_217, NDJSON, 413),
    ):
        answer = operator.client.post(path, content=content, headers={**operator.headers, **kind})
        assert answer.status_code == status
    refused = send(operator, [put()], query="?on_eror=abort")
    assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")
    world.rollback()
    assert world.execute("SELECT count(*) FROM mailbox").fetchone() == (0,)


def test_ten_thousand_lines_are_one_batch(operator: Operator, world: Connection) -> None:
    lines = [put(f"m{number}", domain=domain_of("other")) for number in range(9_990)]
    lines += [put(f"n{number}") for number in range(10)]
    results = told(send(operator, lines))
    assert len(results) == 10_000
    assert [line for line, *_ in results] == list(range(1, 10_001))
    assert {code for *_, code in results[:9_990]} == {"domain.not_yours"}
    assert {status for _, _, status, _ in results[9_990:]} == {201}
    whole(world)


def test_no_more_batches_are_taken_than_leave_room_for_others(operator: Operator, client: TestClient) -> None:
    slots: BatchSlots = client.app.state.batches  # type: ignore[attr-defined]
    assert client.portal is not None
    with client.portal.wrap_async_context_manager(slots.at_work()):
        assert send(operator, [put()]).status_code == 200
        with client.portal.wrap_async_context_manager(slots.at_work()):
            answer = send(operator, [put()])
            assert (answer.status_code, answer.json()["code"]) == (503, "write.busy")
            assert operator.put(f"bob@{DOMAIN}").status_code == 201
    assert send(operator, [put("carl")]).status_code == 200


def test_a_batch_that_cannot_be_taken_is_refused_before_its_body_is_read(
    operator: Operator, other: Operator, client: TestClient
) -> None:
    slots: BatchSlots = client.app.state.batches  # type: ignore[attr-defined]
    read: list[bool] = []

    def body() -> Iterator[bytes]:
        read.append(True)
        yield json.dumps(put()).encode()

    def sent(sender: Operator) -> Any:
        return client.post("/v1/mailboxes/batch", content=body(), headers={**sender.headers, **NDJSON})

    with ExitStack() as held:
        # As if so many were arriving from this operator.
        for _ in range(BODIES_EACH):
            held.enter_context(slots.body(operator.id))
        assert (sent(operator).status_code, read) == (503, [])
        # Another has its own places.
        assert sent(other).status_code == 200
        for number in range(BODIES_EACH):
            held.enter_context(slots.body(f"another {number}"))
        assert sent(other).json()["code"] == "write.busy"
    assert sent(operator).status_code == 200
    assert not slots._bodies


@pytest.mark.parametrize(("connections", "batches"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 2), (100, 2)])
def test_batches_leave_half_of_the_connections_to_single_writes(connections: int, batches: int) -> None:
    slots = BatchSlots(connections)
    with ExitStack() as held:
        for number in range(batches * BODIES_EACH):
            held.enter_context(slots.body(str(number)))
        with pytest.raises(WriteBusy):
            held.enter_context(slots.body("one more"))


def test_an_operator_that_may_not_publish_is_told_so_on_every_line(operator: Operator, world: Connection) -> None:
    world.execute("UPDATE operator SET state = 'suspended' WHERE id = %s", (operator.id,))
    world.commit()
    answer = send(operator, [put("anne"), put("bob")])
    assert [code for *_, code in told(answer)] == ["operator.not_publishing"] * 2
    assert answer.json()["results"][0]["errors"][0]["code"] == "operator.suspended"


def test_two_batches_of_the_same_lines_in_opposite_order_do_not_stop_one_another(
    operator: Operator, world: Connection
) -> None:
    a_practitioner(world, rpps="99900000078")
    publish(world, ("practitioner", "899900000078"))
    people = (RPPS, "99900000078")
    lines = [put(f"m{number}", practitioner=people[number % 2]) for number in range(60)]
    answers = together(lambda: send(operator, lines), lambda: send(operator, lines[::-1]))
    for first, second in zip(told(answers[0]), reversed(told(answers[1])), strict=True):
        assert sorted([first[2], second[2]]) == [201, 428]
    whole(world)
