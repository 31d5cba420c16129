"""A tree that the log does not lead from: compared by sequences in the same history, by values in another one."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from app.ldap.client import Exporter
from app.ldap.entries import Entry, entry
from app.ldap.operations import Add, Delete, Modify, MoveEdition
from app.ldap.sync import sync_once
from app.ldap.verify import verify
from app.settings import Settings
from tests.ldap.documents import a_mailbox
from tests.ldap.registry import ANNE, ANNE_CH, CABINET, SECRETARIAT, add, describe, hide, new_epoch

Connection = psycopg.Connection[Any]
LEFT = "reste@ch-exemple.mssante.fr"


def drop_log(world: Connection) -> None:
    """Changes are older than the log is kept for."""
    world.execute("DELETE FROM change WHERE sequence < (SELECT edition FROM directory)")
    world.commit()


def plant(exporter: Exporter) -> None:
    """A wrong sequence, an entry missing, one that nobody published, one that is named otherwise."""
    exporter.write(Modify(exporter.tree.dn(SECRETARIAT), {"annuaireSequence": ["999999"], "l": ["Faux"]}))
    exporter.write(Delete(exporter.tree.dn(ANNE)))
    exporter.write(Add(exporter.tree.dn(LEFT), entry(a_mailbox(address=LEFT))))
    person = {"objectClass": ["inetOrgPerson"], "cn": ["x"], "sn": ["x"]}
    exporter.write(Add(f"cn=x,{exporter.tree.mailboxes}", person))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose entries were read value by value."""
    asked: list[str] = []
    ask = Exporter.read

    def noted(self: Exporter, addresses: Sequence[str]) -> dict[str, Entry]:
        asked.extend(addresses)
        return ask(self, addresses)

    monkeypatch.setattr(Exporter, "read", noted)
    return asked


def test_in_the_same_history_only_what_its_sequence_tells_is_read_and_written(
    synced: Settings, exporter: Exporter, world: Connection, read: list[str]
) -> None:
    plant(exporter)
    describe(world, CABINET, "un")
    hide(world, ANNE_CH)
    add(world, "neuve@ch-exemple.mssante.fr")
    drop_log(world)
    read.clear()
    made = sync_once(synced)
    assert made.reconciled
    assert (made.written.added, made.written.modified, made.written.deleted) == (2, 2, 3)
    assert set(read) == {SECRETARIAT, ANNE, LEFT, CABINET, ANNE_CH, "neuve@ch-exemple.mssante.fr"}
    assert verify(synced).is_equal


def test_an_equal_tree_is_left_as_it_is(
    synced: Settings, exporter: Exporter, world: Connection, read: list[str]
) -> None:
    # Its edition is behind, and its entries are not: as a reconciliation that was killed before its end leaves it.
    describe(world, SECRETARIAT, "un")
    sync_once(synced)
    state = exporter.state()
    assert state is not None
    exporter.write(MoveEdition(exporter.tree.suffix, state.edition, state.edition - 1))
    world.execute("DELETE FROM change")
    world.commit()
    before = list(exporter.entries(["entryCSN", "annuaireSequence"]))
    read.clear()
    made = sync_once(synced)
    assert (made.reconciled, made.edition) == (True, state.edition)
    assert read == []
    assert list(exporter.entries(["entryCSN", "annuaireSequence"])) == before


def test_what_was_compared_by_sequences_is_not_called_proved(
    synced: Settings, exporter: Exporter, world: Connection
) -> None:
    proved = verify(synced)
    describe(world, SECRETARIAT, "un")
    describe(world, SECRETARIAT, "deux")
    drop_log(world)
    made = sync_once(synced)
    state = exporter.state()
    assert made.reconciled
    assert state is not None
    assert (state.edition, state.digest, state.digest_edition) == (made.edition, proved.digest, proved.edition)


@pytest.mark.parametrize("is_ahead", [False, True])
def test_equal_sequences_of_another_history_prove_nothing(
    synced: Settings, exporter: Exporter, world: Connection, *, is_ahead: bool
) -> None:
    """The same number stands for another change there: another epoch, or a restored database that kept its own."""
    exporter.write(Modify(exporter.tree.dn(SECRETARIAT), {"description": ["une autre histoire"]}))
    if is_ahead:
        state = exporter.state()
        assert state is not None
        exporter.write(MoveEdition(exporter.tree.suffix, state.edition, state.edition + 1_000))
    else:
        new_epoch(world, "another")
    made = sync_once(synced)
    assert (made.reconciled, made.written.modified) == (True, 1)
    found = verify(synced)
    assert found.is_equal
    state = exporter.state()
    assert state is not None
    assert (state.epoch, state.edition, state.digest) == (found.epoch, found.edition, found.digest)


def test_verifying_reads_values_whatever_the_sequences_say(synced: Settings, exporter: Exporter) -> None:
    exporter.write(Modify(exporter.tree.dn(SECRETARIAT), {"description": ["faux"]}))
    assert verify(synced).counts == {"different": 1}
