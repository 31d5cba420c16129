"""slapd sends its copies the members of a transaction that it refuses. What that does, and that the exporter heals it.

Shown on 2.5.13: the provider undoes the transaction, syncprov has already passed its members on, and no later refresh
finds that out. The first test fails with a slapd that does better: then the cure of app/ldap/batch.py can go.
"""

import psycopg
import pytest

from app.ldap.batch import apply
from app.ldap.client import BatchRefused, Exporter
from app.ldap.documents import Documents, current
from app.ldap.entries import entry
from app.ldap.operations import Add, Delete, Modify, MoveEdition
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.harness.database import Database
from tests.harness.ldap_tls import PublicSlapd
from tests.ldap.documents import a_mailbox
from tests.ldap.registry import ANNE, SECRETARIAT, add
from tests.ldap_replicas.followers import SUFFIX, Follower, await_equal, content, fingerprint

ADDED, ABSENT, POISON = "fuite@ch-exemple.mssante.fr", "absente@x.mssante.fr", "poison@ch-exemple.mssante.fr"


def edition(exporter: Exporter) -> int:
    state = exporter.state()
    assert state is not None
    return state.edition


def refuse(exporter: Exporter) -> None:
    """A transaction that changes, adds, removes and moves the edition, and whose last member cannot be done."""
    now, tree = edition(exporter), exporter.tree
    with pytest.raises(BatchRefused):
        exporter.commit(
            [
                MoveEdition(SUFFIX, now, now),
                Modify(tree.dn(ANNE), {"description": ["fuite"]}),
                Add(tree.dn(ADDED), entry(a_mailbox(address=ADDED))),
                Delete(tree.dn(SECRETARIAT)),
                MoveEdition(SUFFIX, now, now + 1),
                Delete(tree.dn(ABSENT)),
            ]
        )


def leaked(exporter: Exporter) -> set[str]:
    tree = exporter.tree
    return {
        f"differs {tree.dn(ANNE)}",
        f"extra {tree.dn(ADDED)}",
        f"missing {tree.dn(SECRETARIAT)}",
        f"differs {SUFFIX}",
    }


def test_a_refused_transaction_reaches_the_copies(
    public: PublicSlapd, followers: list[Follower], exporter: Exporter
) -> None:
    await_equal(public.slapd, *followers)
    before = content(public.slapd)
    refuse(exporter)
    assert content(public.slapd) == before
    for follower in followers:
        follower.await_differences(public.slapd, leaked(exporter), "the leak; where none comes, this slapd does better")
        assert fingerprint(follower.server) != fingerprint(public.slapd)


def test_a_refused_batch_of_the_exporter_leaves_all_copies_equal(
    public: PublicSlapd, followers: list[Follower], exporter: Exporter, database: Database
) -> None:
    await_equal(public.slapd, *followers)
    with psycopg.connect(database.dsn, autocommit=True) as reader:
        documents = current(reader, [ANNE])
    published = documents[ANNE]
    assert published is not None
    changed = {**published, "description": "changée dans un lot refusé"}
    # Without a type: slapd refuses it when the others are done already.
    poison = a_mailbox(address=POISON, type="")
    batch: Documents = {ANNE: changed, ADDED: a_mailbox(address=ADDED), SECRETARIAT: None, POISON: poison}
    now = edition(exporter)
    written = apply(exporter, batch, now, now + 1)
    assert (written.healed, list(written.refused)) == (3, [POISON])
    await_equal(public.slapd, *followers)
    for follower in followers:
        assert fingerprint(follower.server) == fingerprint(public.slapd)
        held = str(follower.content())
        assert (ADDED in held, SECRETARIAT in held, POISON in held) == (True, False, False)
        assert follower.content()[SUFFIX]["annuaireEdition"] == [str(now + 1)]


def test_a_copy_that_was_away_during_a_refused_batch_is_equal_when_it_is_back(
    public: PublicSlapd, followers: list[Follower], exporter: Exporter
) -> None:
    """The session log has kept the members that were undone: a copy receives them when it comes back."""
    await_equal(public.slapd, *followers)
    away = followers[1]
    away.kill()
    batch: Documents = {ADDED: a_mailbox(address=ADDED), SECRETARIAT: None, POISON: a_mailbox(address=POISON, type="")}
    now = edition(exporter)
    assert apply(exporter, batch, now, now + 1).healed == 2
    away.server.start()
    await_equal(public.slapd, *followers)


def test_an_exporter_that_dies_before_it_healed_heals_when_it_writes_the_same_again(
    public: PublicSlapd,
    followers: list[Follower],
    exported: Settings,
    world: psycopg.Connection[tuple[object, ...]],
    exporter: Exporter,
) -> None:
    """The edition did not move: the changes of the refused batch are the first that the next exporter takes."""
    await_equal(public.slapd, *followers)
    add(world, ADDED)
    with psycopg.connect(world.info.dsn, autocommit=True) as reader:
        document = current(reader, [ADDED])[ADDED]
    assert document is not None
    now = edition(exporter)
    with pytest.raises(BatchRefused):
        exporter.commit(
            [
                MoveEdition(SUFFIX, now, now),
                Add(exporter.tree.dn(ADDED), entry(document)),
                Delete(exporter.tree.dn(ABSENT)),
            ]
        )
    for follower in followers:
        follower.await_differences(public.slapd, {f"extra {exporter.tree.dn(ADDED)}", f"differs {SUFFIX}"}, "the leak")
    sync_once(exported)
    await_equal(public.slapd, *followers)
