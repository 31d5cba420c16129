"""Whole trees: load, rebuild, verify."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from app.embedded import Slapd
from app.ldap.client import Exporter
from app.ldap.commands import app
from app.ldap.entries import entry
from app.ldap.operations import Add, Delete, Modify
from app.ldap.rebuild import Ldif, load_into, reconcile_now
from app.ldap.sync import sync_once
from app.ldap.verify import verify
from app.settings import Settings
from tests.ldap.documents import a_mailbox
from tests.ldap.registry import ANNE, CABINET, SECRETARIAT, add, describe, hide, rename_code


def test_an_equal_tree_gets_the_digest_of_its_edition(synced: Settings, exporter: Exporter) -> None:
    found = verify(synced)
    assert found.is_equal
    assert found.entries == 6
    state = exporter.state()
    assert state is not None
    assert (state.digest, state.digest_edition) == (found.digest, found.edition)


def test_a_tree_that_lags_is_brought_up_first(synced: Settings, world: psycopg.Connection[Any]) -> None:
    describe(world, SECRETARIAT, "un")
    rename_code(world)
    found = verify(synced)
    assert (found.is_equal, found.lag) == (True, 2)


def plant(exporter: Exporter) -> None:
    """One difference of each kind."""
    exporter.write(Delete(exporter.tree.dn(ANNE)))
    exporter.write(Modify(exporter.tree.dn(SECRETARIAT), {"description": ["faux"], "l": []}))
    # The right values in another order: clients read the first.
    exporter.write(Modify(exporter.tree.dn(CABINET), {"givenName": ["Anne-Elise", "Anne-Élise"]}))
    left = a_mailbox(address="reste@ch-exemple.mssante.fr")
    exporter.write(Add(exporter.tree.dn(left["address"]), entry(left)))
    person = {"objectClass": ["inetOrgPerson"], "cn": ["x"], "sn": ["x"]}
    exporter.write(Add(f"cn=x,{exporter.tree.mailboxes}", person))


def test_every_planted_difference_is_found(synced: Settings, exporter: Exporter) -> None:
    verify(synced)
    plant(exporter)
    found = verify(synced)
    assert not found.is_equal
    assert found.counts == {"missing": 1, "different": 2, "extra": 1, "foreign": 1}
    assert {(difference.kind, difference.name, difference.attributes) for difference in found.differences} == {
        ("missing", ANNE, ()),
        ("different", SECRETARIAT, ("description", "l")),
        ("different", CABINET, ("givenName",)),
        ("extra", "reste@ch-exemple.mssante.fr", ()),
        ("foreign", "cn=x,ou=bal,dc=mssante,dc=fr", ()),
    }
    assert found.digest is None


def test_reconciling_makes_every_planted_difference_right(synced: Settings, exporter: Exporter) -> None:
    plant(exporter)
    edition, written = reconcile_now(synced)
    assert (written.added, written.modified, written.deleted) == (1, 2, 2)
    found = verify(synced)
    assert (found.is_equal, found.edition) == (True, edition)


@pytest.mark.usefixtures("world")
def test_reconciling_an_empty_tree_fills_it(ldap_settings: Settings) -> None:
    _, written = reconcile_now(ldap_settings)
    assert written.added == 6
    assert verify(ldap_settings).is_equal


def test_a_loaded_tree_equals_the_publication_and_is_followed_from_its_edition(
    world: psycopg.Connection[Any], ldap_settings: Settings, slapd: Slapd
) -> None:
    add(world, "a+b@ch-exemple.mssante.fr", "=x;y@ch-exemple.mssante.fr", description=" :é\\ $ fin ")
    slapd.stop()
    loaded = load_into(slapd, ldap_settings)
    slapd.start()
    assert loaded.entries == 8
    with Exporter(slapd.ldapi_uri, slapd.suffix) as exporter:
        state = exporter.state()
        assert state is not None
        assert state.edition == state.digest_edition == loaded.edition
    settings = ldap_settings.model_copy(update={"ldap_uri": slapd.ldapi_uri})
    hide(world, ANNE)
    made = sync_once(settings)
    assert (made.before, made.reconciled, made.written.deleted) == (loaded.edition, False, 1)
    assert verify(settings).is_equal


def test_a_mailbox_that_ldap_cannot_hold_is_said_everywhere(
    world: psycopg.Connection[Any], ldap_settings: Settings
) -> None:
    long = "a" * 230 + "@ch-exemple.mssante.fr"
    add(world, long)
    assert list(sync_once(ldap_settings).written.refused) == [long]
    ldif = Ldif(ldap_settings)
    assert b"reste" not in b"".join(ldif)
    assert list(ldif.refused) == [long]
    found = verify(ldap_settings)
    assert [(difference.kind, difference.name) for difference in found.differences] == [("missing", long)]
    assert "245" in str(found.differences[0].reason)
    assert set_aside(world) == [(long, 1)]


def set_aside(connection: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    found = connection.execute("SELECT address, tries FROM ldap_aside").fetchall()
    connection.rollback()
    return found


def test_one_that_was_set_aside_is_tried_with_the_whole_tree_and_forgotten_when_it_goes(
    world: psycopg.Connection[Any], ldap_settings: Settings
) -> None:
    long = "a" * 230 + "@ch-exemple.mssante.fr"
    add(world, long)
    # What follows the log inside the snapshot of `verify` is noted after it.
    assert verify(ldap_settings).counts == {"missing": 1}
    assert set_aside(world) == [(long, 1)]
    _, written = reconcile_now(ldap_settings)
    assert list(written.refused) == [long]
    assert set_aside(world) == [(long, 2)]
    hide(world, long)
    sync_once(ldap_settings)
    assert set_aside(world) == []


@pytest.fixture
def environment(synced: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner of `annuaire ldap` as a real deployment has it: everything from the environment."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", synced.database_url)
    monkeypatch.setenv("ANNUAIRE_LDAP_URI", synced.ldap_uri)
    return CliRunner()


def test_the_commands_say_what_they_did(
    environment: CliRunner, exporter: Exporter, world: psycopg.Connection[Any]
) -> None:
    equal = environment.invoke(app, ["verify", "--json"])
    assert (equal.exit_code, last_line(equal.stdout)["equal"]) == (0, True)
    plant(exporter)
    different = environment.invoke(app, ["verify", "--json"])
    assert different.exit_code == 1
    assert len(last_line(different.stdout)["differences"]) == 5
    rebuilt = environment.invoke(app, ["rebuild", "--json"])
    assert (rebuilt.exit_code, last_line(rebuilt.stdout)["way"]) == (0, "reconcile")
    target = hide(world, ANNE)
    followed = environment.invoke(app, ["sync", "--once", "--json"])
    assert (followed.exit_code, last_line(followed.stdout)["edition"]["after"]) == (0, target)
    said = environment.invoke(app, ["verify"])
    assert said.exit_code == 0
    assert said.stdout.splitlines()[-1].startswith("equal: 5 entries at edition")


def last_line(text: str) -> Any:
    return json.loads(text.splitlines()[-1])


def test_a_slapd_that_is_away_is_one_sentence(
    environment: CliRunner, open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNUAIRE_LDAP_URI", f"ldapi://{open_dir}/nothing")
    refused = environment.invoke(app, ["verify"])
    assert "slapd does not answer" in str(refused.exception)
