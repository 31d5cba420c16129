"""What mail clients and mail servers ask of the tree, on a real slapd: filters of reference clients, limits, rights."""

import string
from collections.abc import Iterator
from typing import Any

import ldap3
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.embedded import Slapd
from app.ldap.client import Exporter
from app.ldap.entries import entry
from app.ldap.operations import Add, Delete
from app.ldap.sync import sync_once
from app.ldap.tree import escape
from app.ldap.values import clean, distinct, with_unaccented
from app.settings import Settings
from tests.ldap.documents import a_mailbox, a_person
from tests.ldap.registry import ANNE, ANNE_CH, CABINET, SECRETARIAT, add

BASE = "ou=bal,dc=mssante,dc=fr"
UNKNOWN = "inconnu@pro-exemple.mssante.fr"

POSTFIX = "(mail={0})"
DOVECOT = "(mail={0})"
LBDB = "(|(givenName=*{0}*)(sn=*{0}*)(cn=*{0}*)(mail=*{0}*))"
THUNDERBIRD_TO = "(&(objectClass=*)(|(cn=*{0}*)(mail=*{0}*)(givenName=*{0}*)(sn=*{0}*)))"
THUNDERBIRD_BOOK = (
    "(&(objectClass=*)(&(|(cn=*{0}*)(givenName=*{0}*)(sn=*{0}*)(mozillaNickname=*{0}*)(mail=*{0}*)"
    "(mozillaSecondEmail=*{0}*)(&(description=*{0}*))(o=*{0}*)(ou=*{0}*)(title=*{0}*)(mozillaWorkUrl=*{0}*)"
    "(mozillaHomeUrl=*{0}*))))"
)
OUTLOOK_BOOK = "(&(mail=*)(|(mail={0}*)(cn={0}*)(sn={0}*)(givenName={0}*)(displayName={0}*)))"
OUTLOOK_TO = "(&(objectClass=*)(|(cn={0}*)(mail={0}*)(sn={0}*)))"


@pytest.fixture
def reader(synced: Settings, slapd: Slapd) -> Iterator[Any]:
    """Anybody, on a tree that holds the small world. (Any: the published types of ldap3 are not complete.)"""
    assert synced.ldap_enabled
    server = ldap3.Server(slapd.uri, get_info=ldap3.NONE, connect_timeout=5)
    connection: Any = ldap3.Connection(server, auto_bind=True, check_names=False, receive_timeout=30)
    yield connection
    connection.unbind()


def ask(reader: Any, query: str, attributes: tuple[str, ...] = ("mail",)) -> set[str]:
    """The addresses found; fails when the answer is not complete."""
    reader.search(BASE, query, ldap3.SUBTREE, attributes=list(attributes))
    assert reader.result["description"] == "success"
    return {found["raw_attributes"]["mail"][0].decode() for found in reader.response or ()}


@pytest.mark.parametrize(
    ("filter_of_client", "typed", "found"),
    [
        (POSTFIX, ANNE, {ANNE}),
        (POSTFIX, ANNE.upper(), {ANNE}),
        (POSTFIX, "personne@ch-exemple.mssante.fr", set()),
        (POSTFIX, "a*)(uid=*@x", set()),
        (DOVECOT, SECRETARIAT, {SECRETARIAT}),
        (LBDB, "inconnu", {UNKNOWN}),
        (THUNDERBIRD_TO, "exem", {ANNE, ANNE_CH, CABINET, SECRETARIAT, UNKNOWN, "ailleurs@ch-exemple.mssante.fr"}),
        (THUNDERBIRD_TO, "EXEMPLE Anne-É", {ANNE, ANNE_CH, CABINET}),
        (THUNDERBIRD_TO, "anne-elise ex", {ANNE, ANNE_CH, CABINET}),
        (THUNDERBIRD_BOOK, "partagé", {CABINET}),
        (THUNDERBIRD_BOOK, "accueil", {SECRETARIAT}),
        (OUTLOOK_BOOK, "dr anne", {ANNE, ANNE_CH}),
        (OUTLOOK_BOOK, "cabinet", {CABINET}),
        (OUTLOOK_TO, "anne-él", {ANNE, ANNE_CH, CABINET}),
        ("(givenName={0})", "anne-elise", {ANNE, ANNE_CH, CABINET}),
        ("(&(sn=exem*)(givenName={0}))", "anne*", {ANNE, ANNE_CH, CABINET}),
        ("(&(TypeIdentifiantPP=8)(IdentifiantPP={0}))", "99900000060", {ANNE, ANNE_CH, CABINET}),
        ("(IdentifiantPP={0})", "99900000086", {CABINET}),
        ("(&(TypeIdentifiantPM=FINESS)(IdentifiantPM={0}))", "990000010", {ANNE_CH, SECRETARIAT}),
        ("(&(profession=10)(sn={0}))", "inconnu", {UNKNOWN}),
    ],
)
def test_the_filters_of_real_clients_find_the_right_entries(
    reader: Any, filter_of_client: str, typed: str, found: set[str]
) -> None:
    text = typed if typed.endswith("*") else escape(typed)
    assert ask(reader, filter_of_client.format(text)) == found


def test_clients_read_the_true_name_first(reader: Any) -> None:
    reader.search(BASE, f"(mail={ANNE})", ldap3.SUBTREE, attributes=["cn", "givenName"])
    raw = reader.response[0]["raw_attributes"]
    assert raw["cn"][0].decode() == "EXEMPLE Anne-Élise"
    assert [value.decode() for value in raw["givenName"]] == ["Anne-Élise", "Anne-Elise"]


def test_an_answer_that_is_cut_says_so(reader: Any, world: psycopg.Connection[Any], ldap_settings: Settings) -> None:
    add(world, *(f"boite{number}@ch-exemple.mssante.fr" for number in range(60)))
    sync_once(ldap_settings)
    reader.search(BASE, "(mail=*boite*)", ldap3.SUBTREE, attributes=["mail"])
    assert len(reader.response) == 50
    assert reader.result["description"] == "sizeLimitExceeded"


def test_nobody_but_the_exporter_writes(reader: Any, exporter: Exporter) -> None:
    dn = exporter.tree.dn(ANNE)
    reader.modify(dn, {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
    assert reader.result["result"] == 8
    reader.delete(dn)
    assert reader.result["result"] == 8
    assert ask(reader, f"(mail={ANNE})") == {ANNE}


def test_the_sequence_is_hidden_from_the_public_even_in_a_filter(reader: Any, exporter: Exporter) -> None:
    sequence = exporter.read([ANNE])[ANNE]["annuaireSequence"][0]
    reader.search(BASE, f"(mail={ANNE})", ldap3.SUBTREE, attributes=["*", "+"])
    assert "annuaireSequence" not in reader.response[0]["raw_attributes"]
    assert ask(reader, f"(annuaireSequence={sequence})") == set()


def test_everybody_reads_the_edition(reader: Any, exporter: Exporter) -> None:
    reader.search("dc=mssante,dc=fr", "(objectClass=*)", ldap3.BASE, attributes=["annuaireEdition", "annuaireEpoch"])
    state = exporter.state()
    assert state is not None
    raw = reader.response[0]["raw_attributes"]
    assert raw["annuaireEdition"] == [str(state.edition).encode()]
    assert raw["annuaireEpoch"] == [str(state.epoch).encode()]


LOCAL_PARTS = st.text(
    alphabet=string.ascii_lowercase + string.digits + "!#$%&'*+/=?^_`{|}~-()\\.\",;<>", min_size=1, max_size=20
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local_part=LOCAL_PARTS)
def test_an_escaped_address_finds_exactly_its_entry(reader: Any, exporter: Exporter, local_part: str) -> None:
    address = f"{local_part}@essai.mssante.fr"
    dn = exporter.tree.dn(address)
    exporter.write(Add(dn, entry(a_mailbox(address=address))))
    try:
        assert ask(reader, f"(mail={escape(address)})") == {address}
        assert set(exporter.read([address, ANNE])) == {address, ANNE}
    finally:
        exporter.write(Delete(dn))


# Scripts whose letters have case, and forms that compatibility folding changes.
NAMES = st.text(
    alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x24FF, exclude_categories=["Cs"]), max_size=12
)


@pytest.mark.usefixtures("synced")
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_slapd_takes_whatever_names_the_files_hold(exporter: Exporter, names: list[str]) -> None:
    address = "noms@essai.mssante.fr"
    family, given_name = names[0], names[-1]
    made = entry(a_mailbox(address=address, practitioner=a_person(family=family, given=given_name)))
    made["o"] = distinct(map(clean, names)) or ["x"]
    made["ou"] = with_unaccented(*map(clean, names)) or ["x"]
    dn = exporter.tree.dn(address)
    exporter.write(Add(dn, made))
    try:
        assert exporter.read([address]) == {address: made}
    finally:
        exporter.write(Delete(dn))
