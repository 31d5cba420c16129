"""Two copies by syncrepl, ours and an operator's: killed, cut off, behind a killed provider, and always equal again."""

import socket
from typing import Any

import ldap3
import psycopg
import pytest

from app.ldap.rebuild import Ldif
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.embedded.servers import kill
from tests.harness.ldap_tls import LOOPBACK, PublicSlapd, configure
from tests.ldap.registry import ANNE, SECRETARIAT, add, describe, hide
from tests.ldap_replicas.followers import SUFFIX, Follower, await_equal, stock_replica

Connection = psycopg.Connection[Any]


def change_everything(world: Connection, settings: Settings, round_: int) -> None:
    """Entries that come, change and go, in several transactions, so that a copy has a way to follow."""
    names = [f"boite{round_}.{number}@ch-exemple.mssante.fr" for number in range(30)]
    for at in range(0, len(names), 10):
        add(world, *names[at : at + 10])
        sync_once(settings)
    describe(world, ANNE, f"passage {round_}")
    for name in names[::3]:
        hide(world, name)
    sync_once(settings)


def connected(uri: str) -> Any:
    """Anybody. (Any: the published types of ldap3 are not complete.)"""
    return ldap3.Connection(ldap3.Server(uri, get_info=ldap3.NONE), auto_bind=True)


def administrator(ldapi_uri: str) -> Any:
    """Whoever administers a server, over its private socket."""
    server = ldap3.Server(ldapi_uri, get_info=ldap3.NONE)
    return ldap3.Connection(
        server, authentication=ldap3.SASL, sasl_mechanism="EXTERNAL", sasl_credentials="", auto_bind=True
    )


def test_both_copies_hold_every_entry_and_what_is_hidden_is_gone(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    await_equal(public.slapd, *followers)
    change_everything(world, exported, 1)
    await_equal(public.slapd, *followers)
    hide(world, SECRETARIAT)
    sync_once(exported)
    await_equal(public.slapd, *followers)
    for follower in followers:
        assert SECRETARIAT not in str(follower.content())


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_copy_catches_up(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings, victim: int
) -> None:
    await_equal(public.slapd, *followers)
    killed = followers[victim]
    for round_ in range(3):
        # It dies while changes are on their way to it, and more come while it is away.
        change_everything(world, exported, 2 * round_)
        killed.kill()
        change_everything(world, exported, 2 * round_ + 1)
        assert killed.differences(public.slapd)
        killed.server.start()
        await_equal(public.slapd, *followers)


def test_copies_that_were_cut_off_catch_up(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    await_equal(public.slapd, *followers)
    for round_ in range(2):
        for follower in followers:
            follower.relay.cut()
        change_everything(world, exported, round_)
        for follower in followers:
            follower.await_attempt()
            assert follower.differences(public.slapd)
            follower.relay.mend()
        await_equal(public.slapd, *followers)


def test_copies_follow_a_killed_provider_that_came_back(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    await_equal(public.slapd, *followers)
    for round_ in range(2):
        change_everything(world, exported, 2 * round_)
        kill(public.slapd)
        public.slapd.stop()
        public.slapd.start()
        change_everything(world, exported, 2 * round_ + 1)
        await_equal(public.slapd, *followers)


def test_copies_that_were_away_when_their_provider_was_killed_hear_of_what_was_removed(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    """Without olcSpCheckpoint at each write they keep it for good, and follow all that comes later."""
    names = [f"boite.{number}@ch-exemple.mssante.fr" for number in range(30)]
    add(world, *names)
    sync_once(exported)
    await_equal(public.slapd, *followers)
    for follower in followers:
        follower.relay.cut()
    for name in names[::3]:
        hide(world, name)
    sync_once(exported)
    kill(public.slapd)
    public.slapd.stop()
    public.slapd.start()
    for follower in followers:
        follower.relay.mend()
    await_equal(public.slapd, *followers)


def test_copies_follow_a_tree_that_was_made_anew(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    """Its entries are the same under other identifiers, and it begins anew to number what happens to them."""
    await_equal(public.slapd, *followers)
    change_everything(world, exported, 1)
    # What the old tree still showed is hidden in the new one alone, and something else is new there.
    hide(world, SECRETARIAT)
    add(world, "nouvelle@ch-exemple.mssante.fr")
    public.slapd.stop()
    public.slapd.load(Ldif(exported))
    public.slapd.start()
    await_equal(public.slapd, *followers)
    change_everything(world, exported, 2)
    await_equal(public.slapd, *followers)
    for follower in followers:
        assert SECRETARIAT not in str(follower.content())


def test_who_is_idle_is_cut_and_a_copy_that_waits_is_not(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    await_equal(public.slapd, *followers)
    passed = [follower.relay.passed for follower in followers]
    shorter = "dn: cn=config\nchangetype: modify\nreplace: olcIdleTimeout\nolcIdleTimeout: 1\n"
    configure(public.slapd.ldapi_uri, shorter, "ldapmodify")
    for _ in range(3):
        with socket.create_connection((LOOPBACK, public.slapd.port), timeout=60) as idle:
            assert idle.recv(1) == b""
    change_everything(world, exported, 1)
    await_equal(public.slapd, *followers)
    assert [follower.relay.passed for follower in followers] == passed


def test_a_copy_is_written_by_its_provider_alone(public: PublicSlapd, followers: list[Follower]) -> None:
    await_equal(public.slapd, *followers)
    for follower in followers:
        server = follower.server
        writers = (connected(server.uri), administrator(server.ldapi_uri))
        for writer in writers:
            writer.modify(SUFFIX, {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
            # Who are you (8), you may not (50), or: this is a copy (53), which its own administrator is told too.
            assert writer.result["result"] in {8, 50, 53}, writer.result
            writer.unbind()
    await_equal(public.slapd, *followers)


def test_a_copy_that_nobody_registered_gets_no_whole_tree(
    public: PublicSlapd, world: Connection, exported: Settings
) -> None:
    """Its certificate is good, and it has the limits of everybody: it is cut at 50 entries as often as it tries."""
    add(world, *(f"boite{number}@ch-exemple.mssante.fr" for number in range(60)))
    sync_once(exported)
    stranger = stock_replica(public, is_registered=False)
    try:
        stranger.await_connections(4)
        assert 0 < len(stranger.content()) <= 50
        assert "annuaireSequence" not in str(stranger.content())
    finally:
        stranger.close()
