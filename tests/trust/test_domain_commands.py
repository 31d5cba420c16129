"""`annuaire domain …`: whose a domain becomes, who is asked first, and that taking it away counts at once."""

from typing import Any

import pytest

from tests.builders import OPERATOR, a_mailbox, a_practitioner, an_operator, publish
from tests.publication.world import assert_world
from tests.trust.conformity import Connection, a_complete_file
from tests.trust.conftest import Annuaire

NETWORK, OTHER = "300000001800028", "300000001800010"
DOMAIN = "reseau.mssante.fr"
DN = f"CN=bal,O=essai,OU={NETWORK}"


@pytest.fixture(autouse=True)
def _network(annuaire: Annuaire, connection: Connection) -> None:
    """An active operator with one certificate and no domain, once a white list is in force."""
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    annuaire("operator", "add", NETWORK, "--name", "RÉSEAU ESSAI")
    a_complete_file(connection, NETWORK)
    connection.execute("UPDATE operator SET state = 'active'")
    annuaire("operator", "certificate", NETWORK, "--dn", DN)


def add(annuaire: Annuaire, name: str = DOMAIN, *more: str, operator: str = NETWORK) -> Any:
    """What `domain add` answers: the code of the refusal, or the row."""
    code, found = annuaire("domain", "add", name, "--operator", operator, *more)
    return found["error"]["code"] if code else found


def remove(annuaire: Annuaire, name: str = DOMAIN, *more: str) -> Any:
    code, found = annuaire("domain", "remove", name, *more)
    return found["error"]["code"] if code else [(each["name"], each["operator"]) for each in found["removed"]]


def shown(connection: Connection) -> dict[str, str | None]:
    """Address → operator, as they are published."""
    rows = connection.execute("SELECT key, document::json ->> 'operator' FROM publication WHERE kind = 'mailbox'")
    return dict(rows.fetchall())


def mailboxes(connection: Connection, operator: str | None = None, count: int = 3) -> list[str]:
    """Mailboxes in the domain, of one operator or unclaimed, published."""
    person = a_practitioner(connection)
    made = [a_mailbox(connection, f"bal{number}@{DOMAIN}", practitioner=person) for number in range(count)]
    connection.execute("UPDATE mailbox SET operator = %s", [operator])
    publish(connection, ("practitioner", person), *(("mailbox", address) for address in made))
    return made


def actions(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT action, object_key FROM audit WHERE object_kind = 'domain' ORDER BY sequence"
    ).fetchall()


def test_a_domain_shows_its_mailboxes_from_the_moment_it_is_added(annuaire: Annuaire, connection: Connection) -> None:
    made = mailboxes(connection)
    assert shown(connection) == {}
    row = add(annuaire, "Reseau.MSSante.fr", "--description", "Réseau")
    assert (row["name"], row["certificate"], row["source"], row["faults"]) == (DOMAIN, DN, "admin", [])
    assert shown(connection) == dict.fromkeys(made, NETWORK)
    assert_world(connection)
    assert actions(connection) == [("domain.added", DOMAIN)]


def test_a_domain_taken_away_hides_its_mailboxes_at_once_however_many(
    annuaire: Annuaire, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No number of mailboxes is small enough to be left to the drain, which here never comes.
    monkeypatch.setattr("app.trust.domain_commands.drain_all", lambda _: 0)
    an_operator(connection, OTHER, domains=(DOMAIN,))
    assert add(annuaire) == "domain.of_another"
    row = add(annuaire, DOMAIN, "--shared")
    assert row["name"] == DOMAIN
    mailboxes(connection, NETWORK, count=1_100)
    assert len(shown(connection)) == 1_100
    assert remove(annuaire, DOMAIN, "--operator", NETWORK, "--reason", "fin") == [(DOMAIN, NETWORK)]
    assert shown(connection) == {}
    told = connection.execute("SELECT operator, code, key FROM notice WHERE code = 'domain.removed'").fetchall()
    assert told == [(NETWORK, "domain.removed", DOMAIN)]


def test_what_nobody_claimed_stays_with_the_owner_that_remains(annuaire: Annuaire, connection: Connection) -> None:
    an_operator(connection, OTHER, domains=(DOMAIN,))
    add(annuaire, DOMAIN, "--shared")
    (made,) = mailboxes(connection, count=1)
    assert shown(connection) == {made: None}
    remove(annuaire, DOMAIN, "--operator", NETWORK)
    assert shown(connection) == {made: OTHER}
    assert_world(connection)


def test_a_domain_of_the_white_list_is_not_taken_by_hand(annuaire: Annuaire, connection: Connection) -> None:
    an_operator(connection, OTHER, domains=(DOMAIN,))
    assert remove(annuaire) == "domain.listed"
    assert remove(annuaire, "other.mssante.fr") == "domain.unknown"
    assert remove(annuaire, DOMAIN, "--operator", NETWORK) == "domain.unknown"
    assert connection.execute("SELECT count(*) FROM domain").fetchone() == (1,)
    assert actions(connection) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("reseau.exemple.fr", "domain.foreign"),
        ("xn--rseau-bsa.mssante.fr", "domain.encoded"),
        ("r\u0435seau.mssante.fr", "domain.form"),
        ("reseau.mssante.fr.", "domain.form"),
    ],
)
def test_a_name_that_is_not_the_trust_spaces_is_refused(annuaire: Annuaire, name: str, code: str) -> None:
    assert add(annuaire, name) == code


def test_the_gateway_of_an_outside_network_is_taken(annuaire: Annuaire) -> None:
    assert add(annuaire, "interop-mssante.apicrypt.org")["name"] == "interop-mssante.apicrypt.org"


def test_the_certificate_is_named_where_there_are_several(annuaire: Annuaire) -> None:
    assert add(annuaire, DOMAIN, "--certificate", "CN=unknown") == "certificate.unknown"
    assert add(annuaire, DOMAIN, "--certificate", "nonsense") == "certificate.form"
    annuaire("operator", "certificate", NETWORK, "--dn", "CN=second")
    assert add(annuaire) == "certificate.several"
    assert add(annuaire, DOMAIN, "--certificate", "cn = SECOND")["certificate"] == "CN=second"
    assert add(annuaire, DOMAIN, "--certificate", "CN=second") == "domain.bound"
    assert (
        add(annuaire, "other.mssante.fr", "--certificate", "CN=second", "--description", "a\x01")
        == "domain.description"
    )
    removed = annuaire("operator", "certificate", NETWORK, "--remove", "--dn", "CN=second")
    assert removed[1]["error"]["code"] == "certificate.in_use"
    assert DOMAIN in removed[1]["error"]["detail"]


def test_only_an_operator_that_is_there_gets_a_domain(annuaire: Annuaire) -> None:
    assert add(annuaire, operator="nobody") == "operator.unknown"
    annuaire("operator", "add", OPERATOR, "--name", "X")
    assert add(annuaire, operator=OPERATOR) == "certificate.missing"
    annuaire("operator", "certificate", OPERATOR, "--dn", "CN=x")
    waiting = add(annuaire, operator=OPERATOR)
    assert [fault["code"] for fault in waiting["faults"]] == ["operator.candidate", *["conformity.missing"] * 3]
    annuaire("operator", "leave", OPERATOR, "--reason", "x")
    assert add(annuaire, "other.mssante.fr", operator=OPERATOR) == "operator.state"
