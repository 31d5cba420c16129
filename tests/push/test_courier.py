"""A webhook is told of every change, thinly, once at a time, until it knows or is given up."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.access.peppers import Peppers
from app.push import letters, loop, retention
from app.push.loop import PUSH_LOCK, Courier
from app.push.outcomes import BACK_OFF
from app.push.resealing import reseal
from app.push.retention import prune
from app.push.subscriptions import REPLAY, Owner
from app.settings import Settings
from tests.builders import OPERATOR, publish
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.push.conftest import Connection, deliver, hurry, subscribe
from tests.push.receiver import Receiver


def change(registry: Connection, family: str) -> int:
    registry.execute("UPDATE practice SET family = %s", (family,))
    return publish(registry, ("practitioner", "899900000060"))


@pytest.fixture
def person(directory: int, registry: Connection) -> int:
    """The edition at which a subscriber begins."""
    assert registry.execute("SELECT national_id FROM practitioner").fetchall() == [("899900000060",)]
    return directory


def state(clock: Connection, column: str = "edition") -> Any:
    return clock.execute(f"SELECT {column} FROM webhook".encode()).fetchone()[0]  # type: ignore[index]


def test_a_letter_is_thin_signed_and_leads_into_the_feed(
    person: int,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    receiver: Receiver,
    push_settings: Settings,
    client: TestClient,
    reader: dict[str, str],
) -> None:
    _, secret = subscribe(clock, push_settings, receiver.url)
    assert deliver(courier, clock) == 0
    edition = change(registry, "NOUVEAU")
    assert deliver(courier, clock) == 1
    (got,) = receiver.got
    assert got.is_signed_by(secret)
    assert not got.is_signed_by("whsec_" + "A" * 43 + "=")
    told = json.loads(got.body)
    assert set(told) == {"type", "timestamp", "data"}
    assert told["type"] == "directory.changed"
    assert set(told["data"]) == {"edition", "epoch", "kinds", "after"}
    assert (told["data"]["edition"], told["data"]["kinds"]) == (edition, ["mailbox", "practitioner"])
    assert b"NOUVEAU" not in got.body
    page = client.get("/v1/changes", params={"after": told["data"]["after"]}, headers=reader).json()
    assert [item["sequence"] for item in page["items"]] == list(range(person + 1, edition + 1))
    assert state(clock) == edition
    assert clock.execute("SELECT after, edition, attempt, outcome, status FROM webhook_delivery").fetchall() == [
        (person, edition, 1, "delivered", 204)
    ]


def test_changes_are_told_together_and_one_letter_at_a_time(
    person: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings
) -> None:
    subscribe(clock, push_settings, receiver.url)
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        assert go_on.wait(60)

    receiver.before_answer = hold
    change(registry, "UN")
    assert courier.send(clock) == 1
    assert arrived.wait(60)
    change(registry, "DEUX")
    last = change(registry, "TROIS")
    hurry(clock)
    assert courier.send(clock) == 0
    receiver.before_answer = lambda: None
    go_on.set()
    courier.collect(clock, None)
    assert deliver(courier, clock) == 0, "no sooner than a pause after the last"
    hurry(clock)
    assert deliver(courier, clock) == 1
    assert deliver(courier, clock) == 0
    letters = [json.loads(got.body)["data"]["edition"] for got in receiver.got]
    assert (len(letters), letters[1], state(clock)) == (2, last, last)
    assert letters[0] > person


def test_a_receiver_that_was_down_gets_the_same_letter_then_the_rest(
    person: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings
) -> None:
    subscribe(clock, push_settings, receiver.url)
    receiver.status(503)
    first = change(registry, "UN")
    deliver(courier, clock)
    assert deliver(courier, clock) == 0, "it is not tried again at once"
    last = change(registry, "DEUX")
    hurry(clock)
    deliver(courier, clock)
    receiver.status(200)
    hurry(clock)
    deliver(courier, clock)
    assert (state(clock), state(clock, "attempt")) == (first, 0)
    hurry(clock)
    deliver(courier, clock)
    assert state(clock) == last > person
    again, rest = receiver.got[:3], receiver.got[3]
    assert len({(got.message, got.body) for got in again}) == 1
    assert rest.message != again[0].message
    assert clock.execute("SELECT attempt, outcome FROM webhook_delivery ORDER BY id").fetchall() == [
        *((1, "rejected"), (2, "rejected"), (3, "delivered"), (1, "delivered"))
    ]


def test_a_courier_that_died_on_the_way_is_followed_by_one_with_the_same_letter(
    person: int,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    receiver: Receiver,
    push_settings: Settings,
    tell: Tell,
) -> None:
    subscribe(clock, push_settings, receiver.url)
    edition = change(registry, "UN")
    with Courier(push_settings) as dying:
        assert dying.send(clock) == 1
    assert state(clock) == person
    assert deliver(courier, clock) == 1
    assert state(clock) == edition
    assert len({(got.message, got.body) for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    tell(Tried("F12", "a webhook is sent the same letter twice", 1, 0, 0))


def test_a_receiver_that_never_answers_is_given_up_and_its_operator_told(
    person: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings
) -> None:
    webhook, _ = subscribe(clock, push_settings, receiver.url)
    receiver.status(500)
    change(registry, "UN")
    for number in range(1, len(BACK_OFF) + 1):
        deliver(courier, clock)
        pause = clock.execute("SELECT due_at - clock_timestamp() FROM webhook").fetchone()
        assert pause
        assert BACK_OFF[number - 1] / 2 < pause[0] <= BACK_OFF[number - 1]
        hurry(clock)
    assert state(clock, "state") == "active"
    deliver(courier, clock)
    assert (state(clock, "state"), state(clock)) == ("disabled", person)
    why = f"given up after {len(BACK_OFF) + 1} attempts: it answered 500"
    assert clock.execute("SELECT operator, code, key, detail::json ->> 'reason' FROM notice").fetchall() == [
        (OPERATOR, "webhook.disabled", webhook, why)
    ]
    assert clock.execute("SELECT actor, action FROM audit").fetchall() == [("worker", "webhook.disabled")]
    hurry(clock)
    assert deliver(courier, clock) == 0


def test_what_cannot_get_better_is_not_tried_again(
    person: int,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    receiver: Receiver,
    push_settings: Settings,
) -> None:
    subscribe(clock, push_settings, receiver.url)
    receiver.status(410)
    change(registry, "UN")
    deliver(courier, clock)
    assert state(clock, "state") == "disabled"
    assert clock.execute("SELECT outcome FROM webhook_delivery").fetchall() == [("rejected",)]
    assert len(receiver.got) == 1
    assert state(clock) == person


def rotated(settings: Settings, *, keeps: bool) -> Settings:
    """The same installation with another pepper; `keeps`: the one before is named as a former one."""
    former = settings.key_pepper if keeps else SecretStr("")
    return settings.model_copy(update={"key_pepper": SecretStr("another pepper"), "former_key_peppers": former})


@pytest.mark.usefixtures("person")
def test_the_secret_outlives_a_change_of_the_pepper_also_where_nothing_was_told_meanwhile(
    registry: Connection, clock: Connection, receiver: Receiver, push_settings: Settings
) -> None:
    _, secret = subscribe(clock, push_settings, receiver.url)
    with Courier(rotated(push_settings, keeps=True)) as courier:
        assert deliver(courier, clock) == 0
    with Courier(rotated(push_settings, keeps=False)) as courier:
        change(registry, "UN")
        assert deliver(courier, clock) == 1
    (got,) = receiver.got
    assert got.is_signed_by(secret)


@pytest.mark.usefixtures("person")
def test_a_pepper_that_was_left_out_by_mistake_can_still_be_named(
    registry: Connection, clock: Connection, receiver: Receiver, push_settings: Settings
) -> None:
    _, secret = subscribe(clock, push_settings, receiver.url)
    change(registry, "UN")
    with Courier(rotated(push_settings, keeps=False)) as courier:
        deliver(courier, clock)
    assert (state(clock, "state"), state(clock, "attempt"), receiver.got) == ("active", 1, [])
    assert clock.execute("SELECT outcome FROM webhook_delivery").fetchall() == [("unsigned",)]
    hurry(clock)
    with Courier(rotated(push_settings, keeps=True)) as courier:
        deliver(courier, clock)
    assert receiver.got[0].is_signed_by(secret)


@pytest.mark.usefixtures("person")
def test_a_spoiled_secret_keeps_no_other_from_being_sealed_anew(
    clock: Connection, receiver: Receiver, push_settings: Settings
) -> None:
    spoiled, _ = subscribe(clock, push_settings, receiver.url)
    clock.execute("UPDATE webhook SET secret = substr(secret, 2) WHERE id = %s", (spoiled,))
    whole, _ = subscribe(clock, push_settings, receiver.url)
    peppers = Peppers.of(rotated(push_settings, keeps=True))
    assert reseal(clock, peppers) == 1
    assert clock.execute("SELECT id FROM webhook WHERE pepper = %s", (peppers.current.id,)).fetchall() == [(whole,)]


def test_other_kinds_are_passed_over_in_silence(
    person: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings
) -> None:
    subscribe(clock, push_settings, receiver.url, "organization")
    edition = change(registry, "UN")
    assert edition > person
    assert deliver(courier, clock) == 0
    assert state(clock) == edition
    assert receiver.got == []
    # It stands behind all others for a while, or many such would stand before them each time.
    assert clock.execute("SELECT due_at > clock_timestamp() FROM webhook").fetchone() == (True,)


def test_a_restored_directory_is_told_as_another_history(
    person: int, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings,
    client: TestClient, reader: dict[str, str],
) -> None:  # fmt: skip
    subscribe(clock, push_settings, receiver.url, "organization")
    row = clock.execute("SELECT begin_epoch('a test', 'a test', 'restored')").fetchone()
    assert deliver(courier, clock) == 1
    told = json.loads(receiver.got[0].body)["data"]
    assert (told["epoch"], told["edition"], told["kinds"]) == (row and row[0], person, ["organization"])
    answer = client.get("/v1/changes", params={"after": told["after"]}, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (410, "feed.cursor_expired")
    hurry(clock)
    assert deliver(courier, clock) == 0


def test_one_that_was_deleted_on_the_way_leaves_nothing(
    directory: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver,
    push_settings: Settings,
) -> None:  # fmt: skip
    subscribe(clock, push_settings, receiver.url)
    receiver.before_answer = lambda: None
    change(registry, "UN")
    assert courier.send(clock) == 1
    clock.execute("DELETE FROM webhook")
    courier.collect(clock, None)
    assert clock.execute("SELECT count(*) FROM webhook_delivery").fetchone() == (0,)
    assert directory


def test_a_replay_that_comes_while_a_letter_travels_is_not_undone_by_its_arrival(
    directory: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver,
    push_settings: Settings,
) -> None:  # fmt: skip
    webhook, _ = subscribe(clock, push_settings, receiver.url)
    edition = change(registry, "UN")
    assert courier.send(clock) == 1
    clock.execute(REPLAY.encode(), Owner(anybody=True).having(id=webhook, edition=1))
    courier.collect(clock, None)
    assert (state(clock), state(clock, "message")) == (1, None)
    assert deliver(courier, clock) == 1
    assert state(clock) == edition > directory
    assert clock.execute("SELECT after, outcome FROM webhook_delivery ORDER BY id").fetchall() == [
        (directory, "delivered"),
        (1, "delivered"),
    ]


def test_after_many_changes_every_kind_may_have_changed(
    directory: int, registry: Connection, clock: Connection, courier: Courier, receiver: Receiver,
    push_settings: Settings, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It is not looked further back than a window; nor where changes were dropped from the log."""
    subscribe(clock, push_settings, receiver.url, "organization")
    change(registry, "UN")
    monkeypatch.setattr(letters, "WINDOW", 1)
    assert deliver(courier, clock) == 1
    assert json.loads(receiver.got[0].body)["data"]["kinds"] == ["organization"]
    monkeypatch.undo()
    hurry(clock)
    last = change(registry, "DEUX")
    clock.execute("DELETE FROM change WHERE sequence < %s", (last,))
    assert deliver(courier, clock) == 1
    assert state(clock) == last > directory


@pytest.mark.usefixtures("directory")
def test_who_may_read_no_more_is_told_no_more(
    registry: Connection, clock: Connection, courier: Courier, receiver: Receiver, push_settings: Settings
) -> None:
    subscribe(clock, push_settings, receiver.url)
    clock.execute("UPDATE operator SET state = 'left' WHERE id = %s", (OPERATOR,))
    change(registry, "UN")
    assert deliver(courier, clock) == 0
    assert (state(clock, "state"), state(clock, "disabled_why")) == ("disabled", "its operator left")
    assert receiver.got == []


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("outcome", "age", "is_kept"),
    [
        ("delivered", "1 day", True),
        ("delivered", "3 days", False),
        ("rejected", "3 days", True),
        ("rejected", "29 days", True),
        ("unreachable", "31 days", False),
    ],
)
def test_old_deliveries_are_forgotten(
    clock: Connection, push_settings: Settings, outcome: str, age: str, *, is_kept: bool
) -> None:
    deliveries(clock, push_settings, outcome, age)
    prune(clock, push_settings, datetime.now(UTC))
    assert clock.execute("SELECT count(*) FROM webhook_delivery").fetchone() == (3 * is_kept,)


@pytest.mark.usefixtures("directory")
def test_deliveries_are_forgotten_in_portions(
    clock: Connection, push_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    deliveries(clock, push_settings, "delivered", "3 days")
    prune(clock, push_settings, datetime.now(UTC))
    assert clock.execute("SELECT count(*) FROM webhook_delivery").fetchone() == (0,)


def deliveries(clock: Connection, push_settings: Settings, outcome: str, age: str) -> None:
    """Three of a webhook, that ended so and so long ago."""
    webhook, _ = subscribe(clock, push_settings, "https://bal.exemple.fr/")
    clock.execute(
        "INSERT INTO webhook_delivery (webhook, message, after, edition, attempt, at, outcome, detail, ms)"
        " SELECT %s, 'msg_a', 1, 2, 1, now() - %s::interval, %s, '', 1 FROM generate_series(1, 3)",
        (webhook, age, outcome),
    )


@pytest.fixture
def running(push_settings: Settings) -> Iterator[threading.Event]:
    """The loop of the worker, in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(push_settings, stop))
    thread.start()
    yield stop
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.usefixtures("running")
def test_the_worker_tells_by_itself(
    directory: int, registry: Connection, clock: Connection, receiver: Receiver, push_settings: Settings
) -> None:
    arrived = threading.Event()
    receiver.before_answer = arrived.set
    subscribe(clock, push_settings, receiver.url)
    assert change(registry, "UN") > directory
    assert arrived.wait(60)


def test_one_worker_at_a_time_tells(
    directory: int, registry: Connection, clock: Connection, receiver: Receiver, push_settings: Settings,
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The second waits for the lock, and takes over when its holder goes."""
    monkeypatch.setattr(loop, "HOLDER_SECONDS", 0.01)
    holder = database.connect(autocommit=True)
    holder.execute("SELECT pg_advisory_lock(%s)", (PUSH_LOCK,))
    asked, arrived = threading.Event(), threading.Event()
    receiver.before_answer = arrived.set
    subscribe(clock, push_settings, receiver.url)
    change(registry, "UN")

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.set()
            return super().wait(timeout)

    stop = Watched()
    second = threading.Thread(target=loop.run, args=(push_settings, stop))
    second.start()
    try:
        assert asked.wait(60)
        assert receiver.got == []
        holder.close()
        assert arrived.wait(60)
    finally:
        stop.set()
        second.join(60)
    assert directory


def test_a_worker_without_pepper_tells_nobody_and_stops_when_asked(push_settings: Settings) -> None:
    stop = threading.Event()
    without = push_settings.model_copy(update={"key_pepper": type(push_settings.key_pepper)("")})
    thread = threading.Thread(target=loop.run, args=(without, stop))
    thread.start()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
