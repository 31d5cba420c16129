"""Copies of a tree that is made anew beside the one that is served, and written until the two change places."""

from typing import Any

import psycopg

from app.ldap.client import Exporter
from app.ldap.operations import Modify
from app.ldap.rebuild import Ldif
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.harness.ldap_tls import PublicSlapd
from tests.ldap.registry import ANNE, CABINET, SECRETARIAT, add, describe, hide
from tests.ldap_replicas.followers import Follower, await_equal

Connection = psycopg.Connection[Any]


def rebuild(public: PublicSlapd, world: Connection, exported: Settings, round_: int) -> None:
    """As `annuaire ldap rebuild`: the log is followed on the old tree until it goes, then on the new one."""
    public.slapd.build(Ldif(exported))
    add(world, f"entre{round_}@ch-exemple.mssante.fr")
    describe(world, CABINET, f"pendant {round_}")
    sync_once(exported)
    public.slapd.stop()
    public.slapd.install()
    public.slapd.clear()
    public.slapd.start()


def test_copies_follow_a_tree_that_was_made_anew_while_the_old_one_was_written(
    public: PublicSlapd, followers: list[Follower], world: Connection, exported: Settings
) -> None:
    """They came further on the old tree than where the new one begins, and hold what was wrong in it."""
    await_equal(public.slapd, *followers)
    for round_ in range(2):
        with Exporter(exported.ldap_uri, exported.ldap_suffix) as exporter:
            exporter.write(Modify(exporter.tree.dn(SECRETARIAT), {"description": ["faux"]}))
        await_equal(public.slapd, *followers)
        rebuild(public, world, exported, round_)
        describe(world, ANNE, f"après {round_}")
        sync_once(exported)
        await_equal(public.slapd, *followers)
        for follower in followers:
            assert "faux" not in str(follower.content())
    hide(world, SECRETARIAT)
    sync_once(exported)
    await_equal(public.slapd, *followers)
