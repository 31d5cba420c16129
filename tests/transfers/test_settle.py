"""At its hour a transfer is done wholly, once, and on every channel; or nothing changes, and both sides learn why."""

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest

from app.access.audit_verify import verify
from app.db import connect
from app.publication.drain import drain_all
from app.settings import Settings
from app.transfers import clock
from app.transfers.clock import settle_due
from app.transfers.statements import SETTLE
from tests.builders import a_mailbox, publish
from tests.harness.database import Database
from tests.publication.world import assert_world
from tests.transfers.conftest import (
    ADDRESS,
    GIVER,
    OTHER,
    OWN,
    OWN_ADDRESS,
    RECEIVER,
    SHARED,
    THEIRS,
    Connection,
    agreed,
    share,
)

NEW = f"anne@{THEIRS}"


def settle(settings: Settings) -> float:
    with connect(settings, autocommit=True) as connection:
        return settle_due(connection, settings)


def document(space: Connection, address: str) -> Any:
    row = space.execute("SELECT document FROM publication WHERE kind = 'mailbox' AND key = %s", (address,)).fetchone()
    return json.loads(row[0]) if row else None


def state(space: Connection, number: int) -> tuple[str, str | None]:
    row = space.execute(
        "SELECT state, detail FROM transfer WHERE id = %s AND done_at IS NOT NULL", (number,)
    ).fetchone()
    assert row is not None
    return str(row[0]), row[1]


def told(space: Connection, code: str) -> list[str]:
    return [
        operator for (operator,) in space.execute("SELECT operator FROM notice WHERE code = %s ORDER BY id", (code,))
    ]


def owners(space: Connection, domain: str) -> list[tuple[str, str]]:
    return space.execute(
        "SELECT c.operator, d.source FROM domain d JOIN operator_certificate c ON c.dn = d.certificate"
        " WHERE d.name = %s ORDER BY 1",
        (domain,),
    ).fetchall()


def test_a_mailbox_changes_its_operator_and_nothing_else(space: Connection, settings: Settings) -> None:
    before = document(space, ADDRESS)
    assert before["operator"] == GIVER
    number = agreed(space, "mailbox", ADDRESS)
    settle(settings)
    after = document(space, ADDRESS)
    moving = {"operator", "sequence", "updated_at"}
    assert {name for name in after if after[name] != before[name]} == moving
    assert after["operator"] == RECEIVER
    assert state(space, number) == ("done", None)
    assert told(space, "transfer.done") == [GIVER, RECEIVER]
    row = space.execute("SELECT action, actor, object_key FROM audit").fetchall()
    assert row == [("transfer.done", "worker", str(number))]
    space.rollback()
    assert verify(space).is_whole
    assert_world(space)


def test_a_new_address_takes_everything_over_and_the_old_one_leads_to_it(space: Connection, settings: Settings) -> None:
    before = document(space, OWN_ADDRESS)
    agreed(space, "mailbox", OWN_ADDRESS, NEW)
    settle(settings)
    after = document(space, NEW)
    moving = {"address", "domain", "operator", "sequence", "updated_at", "published_at"}
    assert {name for name in after if after[name] != before[name]} == moving
    assert (after["operator"], document(space, OWN_ADDRESS)) == (RECEIVER, None)
    assert space.execute("SELECT address, successor, reason FROM withdrawn").fetchall() == [
        (OWN_ADDRESS, NEW, "withdrawn")
    ]
    rows = space.execute(
        "SELECT address, state, operator, withdrawn_at IS NULL FROM mailbox ORDER BY address"
    ).fetchall()
    assert (OWN_ADDRESS, "withdrawn", GIVER, False) in rows
    assert (NEW, "active", RECEIVER, True) in rows
    assert_world(space)


def test_a_hidden_mailbox_moves_hidden(space: Connection, settings: Settings) -> None:
    space.execute("UPDATE mailbox SET unlisted = true, phone = '0102030405' WHERE address = %s", (OWN_ADDRESS,))
    publish(space, ("mailbox", OWN_ADDRESS))
    agreed(space, "mailbox", OWN_ADDRESS, NEW)
    settle(settings)
    assert document(space, NEW) is None
    assert space.execute("SELECT * FROM withdrawn").fetchall() == []
    row = space.execute("SELECT unlisted, phone, operator FROM mailbox WHERE address = %s", (NEW,)).fetchone()
    assert row == (True, "0102030405", RECEIVER)
    assert_world(space)


def test_a_domain_goes_with_the_mailboxes_that_the_giver_wrote(space: Connection, settings: Settings) -> None:
    for local, operator, condition in (
        ("imported", None, "active"),
        ("gone", GIVER, "withdrawn"),
        ("shared", OTHER, "active"),
    ):
        a_mailbox(space, f"{local}@{OWN}", mailbox_type="APP", source="api", state=condition)
        space.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (operator, f"{local}@{OWN}"))
    share(space, OWN, OTHER)
    publish(space, *(("mailbox", f"{local}@{OWN}") for local in ("imported", "gone", "shared")))
    number = agreed(space, "domain", OWN)
    settle(settings)
    assert state(space, number) == ("done", None)
    assert owners(space, OWN) == [(RECEIVER, "admin"), (OTHER, "liste_blanche")]
    rows = space.execute(
        "SELECT split_part(address, '@', 1), operator FROM mailbox WHERE domain = %s ORDER BY 1", (OWN,)
    )
    assert rows.fetchall() == [
        ("anne.exemple", RECEIVER),
        ("gone", RECEIVER),
        ("imported", None),
        ("shared", OTHER),
    ]
    assert document(space, OWN_ADDRESS)["operator"] == RECEIVER
    assert document(space, f"shared@{OWN}")["operator"] == OTHER
    assert_world(space)


def test_an_imported_mailbox_shows_the_new_owner_of_its_domain(space: Connection, settings: Settings) -> None:
    a_mailbox(space, f"imported@{OWN}", mailbox_type="APP")
    publish(space, ("mailbox", f"imported@{OWN}"))
    assert document(space, f"imported@{OWN}")["operator"] == GIVER
    agreed(space, "domain", OWN)
    settle(settings)
    assert document(space, f"imported@{OWN}")["operator"] == RECEIVER


def test_a_large_domain_moves_at_once_in_the_registry_and_is_shown_by_the_drain(
    space: Connection, settings: Settings
) -> None:
    addresses = [f"a{number}@{OWN}" for number in range(30)]
    for address in addresses:
        a_mailbox(space, address, mailbox_type="APP", source="api")
    space.execute("UPDATE mailbox SET operator = %s WHERE domain = %s", (GIVER, OWN))
    publish(space, *(("mailbox", address) for address in addresses))
    agreed(space, "domain", OWN)
    settle(settings.model_copy(update={"publish_wide": 10}))
    assert space.execute("SELECT DISTINCT operator FROM mailbox WHERE domain = %s", (OWN,)).fetchall() == [(RECEIVER,)]
    assert {document(space, address)["operator"] for address in addresses} == {GIVER}
    space.rollback()
    drain_all(settings)
    assert {document(space, address)["operator"] for address in addresses} == {RECEIVER}
    assert_world(space)


def test_who_has_several_certificates_gets_the_domain_for_each(space: Connection, settings: Settings) -> None:
    space.execute("INSERT INTO operator_certificate VALUES ('CN=second', %s, 'CN=second')", (RECEIVER,))
    space.execute("INSERT INTO operator_certificate VALUES ('CN=old', %s, 'CN=old')", (GIVER,))
    space.execute("INSERT INTO domain (name, certificate, source) VALUES (%s, 'CN=old', 'liste_blanche')", (OWN,))
    agreed(space, "domain", OWN)
    settle(settings)
    assert owners(space, OWN) == [(RECEIVER, "admin")] * 2


def test_a_domain_that_both_share_becomes_the_receivers_alone(space: Connection, settings: Settings) -> None:
    agreed(space, "domain", SHARED)
    settle(settings)
    assert owners(space, SHARED) == [(RECEIVER, "liste_blanche")]
    assert document(space, ADDRESS)["operator"] == RECEIVER


def test_nothing_changes_when_the_other_side_is_silent(space: Connection, settings: Settings) -> None:
    before = (document(space, ADDRESS), owners(space, OWN))
    numbers = [agreed(space, "mailbox", ADDRESS, state="proposed"), agreed(space, "domain", OWN, state="proposed")]
    settle(settings)
    assert (document(space, ADDRESS), owners(space, OWN)) == before
    assert [state(space, number) for number in numbers] == [("lapsed", None)] * 2
    assert told(space, "transfer.lapsed") == [GIVER, RECEIVER] * 2
    assert space.execute("SELECT DISTINCT action FROM audit").fetchall() == [("transfer.lapsed",)]
    assert space.execute("SELECT * FROM domain_move").fetchall() == []


@pytest.mark.parametrize(
    ("scope", "key", "new_address", "change", "why"),
    [
        ("mailbox", ADDRESS, None, "UPDATE mailbox SET state = 'withdrawn'", "is no mailbox that"),
        ("mailbox", ADDRESS, None, f"UPDATE mailbox SET operator = '{OTHER}'", "is no mailbox that"),
        ("mailbox", ADDRESS, None, f"DELETE FROM domain WHERE name = '{SHARED}' AND certificate LIKE '%028'", "is not listed for 1990000028"),  # noqa: E501 - a table
        ("mailbox", ADDRESS, None, "UPDATE operator SET state = 'suspended'", "may not publish now"),
        ("mailbox", OWN_ADDRESS, NEW, f"INSERT INTO mailbox (address, domain, type, source) VALUES ('{NEW}', '{THEIRS}', 'APP', 'api')", "is, or was"),  # noqa: E501 - a table
        ("domain", OWN, None, f"DELETE FROM domain WHERE name = '{OWN}'", "is not listed for 1990000010"),
        ("domain", OWN, None, "UPDATE operator SET state = 'left' WHERE id = '1990000010'", "is not listed for"),
        ("domain", OWN, None, "UPDATE operator SET state = 'suspended' WHERE id = '1990000028'", "may not publish now"),
    ],
)  # fmt: skip
def test_what_is_not_possible_any_more_fails_and_both_learn_why(
    space: Connection, settings: Settings, scope: str, key: str, new_address: str | None, change: str, why: str
) -> None:
    space.execute(change.encode())
    number = agreed(space, scope, key, new_address)
    before = registry(space)
    settle(settings)
    assert registry(space) == before
    became, detail = state(space, number)
    assert became == "failed"
    assert why in str(detail)
    assert told(space, "transfer.failed") == [GIVER, RECEIVER]


def registry(space: Connection) -> list[Any]:
    rows = space.execute("SELECT m::text FROM mailbox m UNION ALL SELECT d::text FROM domain d ORDER BY 1").fetchall()
    space.rollback()
    return rows


def test_one_that_the_database_cannot_carry_out_holds_up_no_other(space: Connection, settings: Settings) -> None:
    space.execute("ALTER TABLE mailbox ADD CHECK (address NOT LIKE 'anne@%')")
    bad = agreed(space, "mailbox", OWN_ADDRESS, NEW)
    good = agreed(space, "mailbox", ADDRESS)
    settle(settings)
    became, why = state(space, bad)
    assert became == "failed"
    assert "check constraint" in str(why)
    assert state(space, good) == ("done", None)
    assert document(space, OWN_ADDRESS)["operator"] == GIVER


def test_one_that_must_wait_is_done_when_what_it_needs_is_free(
    space: Connection, settings: Settings, database: Database
) -> None:
    number = agreed(space, "mailbox", ADDRESS)
    holding = database.connect()
    holding.execute("UPDATE mailbox SET service = 'held' WHERE address = %s", (ADDRESS,))
    with connect(settings, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '50ms'")
        assert settle_due(connection, settings) == clock.RETRY_SECONDS
        assert space.execute("SELECT state FROM transfer WHERE id = %s", (number,)).fetchone() == ("agreed",)
        space.rollback()
        holding.commit()
        settle_due(connection, settings)
    assert state(space, number) == ("done", None)


def test_two_workers_do_each_transfer_once(space: Connection, settings: Settings) -> None:
    numbers = [
        agreed(space, "mailbox", ADDRESS),
        agreed(space, "mailbox", OWN_ADDRESS, NEW),
        agreed(space, "domain", OWN),
    ]
    together = threading.Barrier(3)

    def work() -> None:
        with connect(settings, autocommit=True) as connection:
            together.wait()
            settle_due(connection, settings)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(settings)
    assert {state(space, number)[0] for number in numbers} == {"done"}
    done = space.execute("SELECT object_key FROM audit WHERE action = 'transfer.done' ORDER BY 1").fetchall()
    assert done == sorted((str(number),) for number in numbers)
    assert len(told(space, "transfer.done")) == 6


KILLED = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1])
connection.execute(sys.argv[2], {"id": int(sys.argv[3]), "wide": 1000})
print("settled", flush=True)
sys.stdin.read()
"""


def test_a_worker_killed_at_the_hour_has_done_nothing_and_the_next_one_does_it_once(
    space: Connection, settings: Settings, database: Database
) -> None:
    """It is killed when all is written and nothing is committed."""
    number = agreed(space, "mailbox", OWN_ADDRESS, NEW)
    arguments = [sys.executable, "-c", KILLED, database.dsn, SETTLE, str(number)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "settled\n"
        assert document(space, OWN_ADDRESS)["operator"] == GIVER
        space.rollback()
        # The next worker does not wait for what another one holds.
        settle(settings)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    while space.execute("SELECT state FROM transfer").fetchone() != ("done",):
        space.rollback()
        settle(settings)
    assert document(space, NEW)["operator"] == RECEIVER
    assert space.execute("SELECT count(*) FROM audit").fetchone() == (1,)
    assert told(space, "transfer.done") == [GIVER, RECEIVER]
    assert_world(space)


def test_the_clock_wakes_for_what_becomes_due_and_for_what_is_agreed(space: Connection, settings: Settings) -> None:
    """Nothing is due when it starts: it learns of a transfer by its notification, then sleeps until its hour."""
    stop = threading.Event()
    running = threading.Thread(target=clock.run, args=(settings, stop))
    running.start()
    try:
        number = agreed(space, "mailbox", ADDRESS, in_ms=300)
        space.execute("SELECT pg_notify('annuaire_transfer', '')")
        space.commit()
        with psycopg.connect(settings.database_url, autocommit=True) as watching:
            watching.execute("LISTEN annuaire_change")
            while watching.execute("SELECT state FROM transfer").fetchone() != ("done",):
                for _ in watching.notifies(timeout=1, stop_after=1):
                    break
    finally:
        stop.set()
        running.join()
    row = space.execute("SELECT done_at >= effective_at FROM transfer WHERE id = %s", (number,)).fetchone()
    assert row == (True,)


def test_it_sleeps_until_the_next_one(space: Connection, settings: Settings) -> None:
    assert settle(settings) == clock.LOOK_SECONDS
    agreed(space, "mailbox", ADDRESS, in_ms=10_000)
    assert 0 < settle(settings) <= 10
