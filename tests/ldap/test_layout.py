"""A tree that an older version wrote is written anew; a slapd with an older schema is told of, and made ready."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded.slapd_config import own_schema
from app.ldap.client import Exporter, LdapFailed
from app.ldap.entries import LAYOUT
from app.ldap.operations import Modify
from app.ldap.rebuild import Ldif
from app.ldap.sync import sync_once
from app.ldap.verify import verify
from app.settings import Settings
from tests.docs.markdown import ROOT
from tests.harness.ldap_tls import configure, filled
from tests.harness.stock_slapd import StockSlapd
from tests.ldap.registry import ANNE, SECRETARIAT

NEW = re.compile(r"^olcAttributeTypes: .*'(?:annuaireUse|annuaireService|annuaireLayout)'.*\n", re.MULTILINE)
NEW_MEMBERS = re.compile(r" \$ annuaire(?:Use|Service|Layout)")


@pytest.fixture
def older(open_dir: Path) -> Iterator[StockSlapd]:
    """A slapd of an operator with the schema of the version before."""
    server = StockSlapd(open_dir / "stock")
    server.start()
    configure(server.ldapi_uri, NEW_MEMBERS.sub("", NEW.sub("", filled("schema.ldif", {}))), "ldapadd")
    yield server
    server.stop()


@pytest.mark.parametrize("layout", [[], ["1-000000000000"]])
def test_a_tree_of_another_layout_is_written_anew(synced: Settings, exporter: Exporter, layout: list[str]) -> None:
    exporter.write(Modify(exporter.tree.suffix, {"annuaireLayout": layout}))
    for address in (ANNE, SECRETARIAT):
        exporter.write(Modify(exporter.tree.dn(address), {"annuaireUse": []}))
    made = sync_once(synced)
    assert (made.reconciled, made.written.modified) == (True, 2)
    assert all("annuaireUse" in entry for entry in exporter.read([ANNE, SECRETARIAT]).values())
    state = exporter.state()
    assert state is not None
    assert state.layout == LAYOUT
    assert not sync_once(synced).reconciled
    assert verify(synced).is_equal


@pytest.mark.usefixtures("synced")
def test_a_new_tree_says_its_layout(exporter: Exporter) -> None:
    state = exporter.state()
    assert state is not None
    assert state.layout == LAYOUT


def test_a_slapd_with_an_older_schema_is_refused_as_a_whole(older: StockSlapd) -> None:
    with Exporter(older.ldapi_uri, "dc=nodomain") as exporter, pytest.raises(LdapFailed, match=r"schema-upgrade\.ldif"):
        exporter.require_schema()


def test_the_recipe_of_the_guide_brings_the_new_schema(older: StockSlapd) -> None:
    """It is run as it stands, but for the socket; then the schema is that of a new slapd."""
    guide = (ROOT / "docs" / "ldap.md").read_text("utf-8")
    recipe = re.search(r"```sh\n(schema=.*?)```", guide, re.DOTALL)
    assert recipe
    socket = "ldapi://" + older.ldapi_uri.removeprefix("ldapi://").replace("/", "%2F")
    commands = recipe[1].replace("ldapi:///", socket)
    subprocess.run(["sh", "-ec", commands], cwd=ROOT, check=True, timeout=60, capture_output=True)
    with Exporter(older.ldapi_uri, "dc=nodomain") as exporter:
        exporter.require_schema()
        found = exporter._search("cn=schema,cn=config", "SUBTREE", ["*"], "(cn=*annuaire)")
    held = {name: [re.sub(r"^\{\d+\}", "", value) for value in values] for name, values in found[0][1].items()}
    wanted = re.findall(r"^(olcAttributeTypes|olcObjectClasses): (.*)$", own_schema(), re.MULTILINE)
    for name in ("olcAttributeTypes", "olcObjectClasses"):
        assert sorted(held[name]) == sorted(value for attribute, value in wanted if attribute == name)


def test_a_tree_that_is_loaded_says_its_layout(synced: Settings) -> None:
    assert f"annuaireLayout: {LAYOUT}\n".encode() in b"".join(Ldif(synced))
