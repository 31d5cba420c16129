"""Following the log on a real slapd: adds, modifies, deletes, the edition, and what goes wrong."""

import subprocess
import sys
import threading
from itertools import islice
from typing import Any

import psycopg
import pytest

from app.embedded import Slapd
from app.ldap import lock, sync
from app.ldap.batch import StaleExporter, apply
from app.ldap.client import Exporter
from app.ldap.documents import current
from app.ldap.entries import Entry, entry
from app.ldap.operations import Add, MoveEdition
from app.ldap.sync import step, sync_once
from app.ldap.verify import verify
from app.settings import Settings
from tests.ldap.documents import a_mailbox
from tests.ldap.registry import (
    ANNE,
    ANNE_CH,
    CABINET,
    SECRETARIAT,
    add,
    describe,
    hide,
    new_epoch,
    rename_code,
)


def edition(exporter: Exporter) -> int:
    state = exporter.state()
    assert state is not None
    return state.edition


def published(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT edition FROM directory").fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def held(exporter: Exporter) -> dict[str, Entry]:
    return {str(exporter.tree.address(dn)): found for portion in exporter.entries() for dn, found in portion}


def assert_equal(settings: Settings, exporter: Exporter, connection: psycopg.Connection[Any]) -> None:
    """The tree holds exactly the entries of the published documents, at the published edition."""
    rows = connection.execute("SELECT key FROM publication WHERE kind = 'mailbox'").fetchall()
    connection.commit()
    with psycopg.connect(connection.info.dsn, autocommit=True) as reader:
        documents = current(reader, [key for (key,) in rows])
    assert held(exporter) == {key: entry(document) for key, document in documents.items() if document is not None}
    assert edition(exporter) == published(connection)
    assert verify(settings).is_equal


def test_an_empty_tree_is_filled_from_the_log(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    made = sync_once(ldap_settings)
    assert (made.before, made.edition, made.reconciled) == (0, published(world), False)
    assert made.written.added == 6
    assert_equal(ldap_settings, exporter, world)


def test_adds_modifies_and_deletes_are_followed(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    hide(world, ANNE)
    describe(world, SECRETARIAT, "Nouveau libellé")
    add(world, "neuf+un@ch-exemple.mssante.fr")
    made = sync_once(ldap_settings)
    assert (made.written.added, made.written.deleted, made.written.healed) == (1, 1, 0)
    assert made.written.modified == 1
    entries = held(exporter)
    assert ANNE not in entries
    assert entries[SECRETARIAT]["description"] == ["Nouveau libellé"]
    assert entries["neuf+un@ch-exemple.mssante.fr"]["TypeBAL"] == ["ORG"]
    assert_equal(ldap_settings, exporter, world)


def test_a_mailbox_that_came_and_went_in_one_batch_leaves_nothing(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    add(world, "court@ch-exemple.mssante.fr")
    hide(world, "court@ch-exemple.mssante.fr")
    assert sync_once(ldap_settings).written.added == 0
    assert_equal(ldap_settings, exporter, world)


def test_the_edition_moves_for_a_change_that_touches_no_mailbox(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    before = edition(exporter)
    assert rename_code(world) == before + 1
    made = sync_once(ldap_settings)
    assert (made.written.added, made.written.modified, made.written.deleted) == (0, 0, 0)
    assert edition(exporter) == before + 1


def test_a_step_writes_no_more_than_one_batch(
    world: psycopg.Connection[Any],
    connection: psycopg.Connection[Any],
    ldap_settings: Settings,
    exporter: Exporter,
) -> None:
    few = ldap_settings.model_copy(update={"ldap_batch": 2})
    made = step(connection, exporter, few)
    assert (made.written.added, made.is_done) == (2, False)
    assert edition(exporter) == made.edition < published(world)
    steps = 1
    while not made.is_done:
        made = step(connection, exporter, few)
        steps += 1
    assert steps == 4  # 6 mailboxes in twos, then the changes after the last mailbox
    assert_equal(ldap_settings, exporter, world)


@pytest.mark.parametrize("moves", [0, 2])
@pytest.mark.usefixtures("synced")
def test_a_stale_exporter_is_refused_and_writes_nothing(
    world: psycopg.Connection[Any], connection: psycopg.Connection[Any], exporter: Exporter, moves: int
) -> None:
    now = edition(exporter)
    add(world, "neuf@ch-exemple.mssante.fr")
    documents = current(connection, ["neuf@ch-exemple.mssante.fr"])
    with pytest.raises(StaleExporter, match=f"edition {now}"):
        apply(exporter, documents, now - 1, now - 1 + moves)
    assert "neuf@ch-exemple.mssante.fr" not in held(exporter)
    assert edition(exporter) == now


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"type": ""}, "TypeBAL"),  # refused by the schema as the transaction ends
        ({"sequence": "none"}, "annuaireSequence"),  # refused as it is queued
    ],
)
@pytest.mark.usefixtures("synced")
def test_a_refused_batch_is_healed_and_the_mailbox_that_slapd_refuses_is_named(
    exporter: Exporter, broken: dict[str, str], named: str
) -> None:
    now = edition(exporter)
    good = a_mailbox(address="bon@ch-exemple.mssante.fr")
    poison = a_mailbox(address="poison@ch-exemple.mssante.fr", **broken)
    documents = {document["address"]: document for document in (good, poison)}
    written = apply(exporter, {**documents, SECRETARIAT: None}, now, now + 1)
    assert (written.added, written.deleted, written.healed) == (1, 1, 2)
    assert list(written.refused) == ["poison@ch-exemple.mssante.fr"]
    assert named in written.refused["poison@ch-exemple.mssante.fr"]
    assert edition(exporter) == now + 1
    assert "bon@ch-exemple.mssante.fr" in held(exporter)
    assert SECRETARIAT not in held(exporter)


@pytest.mark.usefixtures("synced")
def test_the_last_mailbox_of_a_tree_is_removed_without_a_refusal(exporter: Exporter) -> None:
    """slapd before 2.6.11 refuses that in a transaction (ITS#10304)."""
    now = edition(exporter)
    there = held(exporter)
    one = a_mailbox(address="bon@ch-exemple.mssante.fr")
    # Its removal stands before the one that comes: in this order nothing would be left in between.
    replaced = apply(exporter, {**dict.fromkeys(there), one["address"]: one}, now, now + 1)
    assert (replaced.added, replaced.deleted, replaced.healed) == (1, len(there), 0)
    with pytest.raises(StaleExporter):
        apply(exporter, {one["address"]: None}, now, now + 1)
    assert list(held(exporter)) == [one["address"]]
    emptied = apply(exporter, {one["address"]: None}, now + 1, now + 2)
    assert (emptied.deleted, emptied.healed, held(exporter), edition(exporter)) == (1, 0, {}, now + 2)


def test_an_edition_the_database_never_reached_is_reconciled(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    now = edition(exporter)
    exporter.write(MoveEdition(exporter.tree.suffix, now, now + 1_000))
    extra = a_mailbox(address="reste@ch-exemple.mssante.fr")
    exporter.write(Add(exporter.tree.dn(extra["address"]), entry(extra)))
    made = sync_once(ldap_settings)
    assert made.reconciled
    assert made.written.deleted == 1
    assert_equal(ldap_settings, exporter, world)


def test_a_new_epoch_is_reconciled_even_at_the_same_edition(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    new_epoch(world, "another")
    made = sync_once(ldap_settings)
    assert made.reconciled
    state = exporter.state()
    assert state is not None
    assert (state.epoch, state.digest_edition) == ("another", state.edition)
    assert_equal(ldap_settings, exporter, world)


def test_a_log_that_begins_later_is_reconciled(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter
) -> None:
    sync_once(ldap_settings)
    describe(world, SECRETARIAT, "un")
    describe(world, CABINET, "deux")
    world.execute("DELETE FROM change WHERE sequence < (SELECT edition FROM directory)")
    world.commit()
    assert sync_once(ldap_settings).reconciled
    assert_equal(ldap_settings, exporter, world)


def test_the_loop_follows_a_commit_and_survives_a_restart_of_slapd(
    world: psycopg.Connection[Any], ldap_settings: Settings, slapd: Slapd
) -> None:
    stop = threading.Event()
    loop = threading.Thread(target=sync.run, args=(ldap_settings, stop))
    loop.start()
    try:
        wait_for(ldap_settings, published(world))
        slapd.stop()
        target = describe(world, SECRETARIAT, "pendant l'arrêt")
        slapd.start()
        wait_for(ldap_settings, target)
        with Exporter(ldap_settings.ldap_uri, ldap_settings.ldap_suffix) as exporter:
            assert held(exporter)[SECRETARIAT]["description"] == ["pendant l'arrêt"]
    finally:
        stop.set()
        loop.join()


def wait_for(settings: Settings, target: int) -> None:
    """Until the tree holds an edition; the timeout of the test is the limit."""
    pause = threading.Event()
    while True:
        with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
            state = exporter.state()
        if state is not None and state.edition >= target:
            return
        pause.wait(0.02)


def test_a_command_gets_the_lock_while_the_loop_runs(world: psycopg.Connection[Any], ldap_settings: Settings) -> None:
    stop = threading.Event()
    loop = threading.Thread(target=sync.run, args=(ldap_settings, stop))
    loop.start()
    try:
        for number in range(3):
            target = describe(world, SECRETARIAT, f"numéro {number}")
            assert sync_once(ldap_settings).edition == target
            assert verify(ldap_settings).is_equal
    finally:
        stop.set()
        loop.join()


def test_only_one_exporter_holds_the_lock(world: psycopg.Connection[Any], connection: psycopg.Connection[Any]) -> None:
    with lock.trying(connection) as first, lock.trying(world) as second:
        assert (first, second) == (True, False)
    with lock.trying(world) as now:
        assert now


KILLED = """
import sys
from app.db import connect
from app.ldap.client import Exporter
from app.ldap.sync import step
from app.settings import Settings

settings = Settings(_env_file=None, database_url=sys.argv[1], ldap_uri=sys.argv[2], ldap_batch=3)
with connect(settings, autocommit=True) as connection, Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
    while True:
        made = step(connection, exporter, settings)
        print("at", made.edition, flush=True)
"""


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_a_sync_killed_in_the_middle_is_resumed_exactly(
    world: psycopg.Connection[Any], ldap_settings: Settings, exporter: Exporter, batches: int
) -> None:
    add(world, *(f"boite{number}@ch-exemple.mssante.fr" for number in range(60)))
    command = [sys.executable, "-c", KILLED, ldap_settings.database_url, ldap_settings.ldap_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as syncing:
        try:
            assert syncing.stdout is not None
            said = (line.split() for line in syncing.stdout if line.startswith("at "))
            *_, (_, acknowledged) = islice(said, batches)
        finally:
            syncing.kill()
    assert int(acknowledged) <= edition(exporter) < published(world)
    hide(world, ANNE_CH)
    made = sync_once(ldap_settings)
    assert (made.reconciled, made.written.healed) == (False, 0)
    assert_equal(ldap_settings, exporter, world)
