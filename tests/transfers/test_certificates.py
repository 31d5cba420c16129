"""Whoever comes with a certificate acts in its domains alone, in a transfer as in a write."""

import pytest

from tests.transfers.conftest import GIVER, OWN, OWN_ADDRESS, RECEIVER, THEIRS, Connection, agreed

BY = "C=FR,CN=bal.exemple,OU={0}"
DECIDE = "SELECT fault FROM decide_transfer(%s, %s, %s, 'agree', %s)"


@pytest.fixture
def second(space: Connection) -> str:
    """Another certificate of both sides, each for no domain."""
    for operator in (GIVER, RECEIVER):
        space.execute(
            "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%(dn)s, %(operator)s, '')",
            {"dn": f"CN=second,OU={operator}", "operator": operator},
        )
    return "CN=second,OU={0}"


def fault(
    space: Connection, number: int, operator: str, certificate: str | None, address: str | None = None
) -> str | None:
    given = (number, operator, certificate and certificate.format(operator), address)
    found: str | None
    ((found,),) = space.execute(DECIDE, given).fetchall()
    space.rollback()
    return found


@pytest.mark.parametrize(("scope", "key"), [("mailbox", OWN_ADDRESS), ("domain", OWN)])
def test_a_giver_agrees_by_the_certificate_of_the_domain(space: Connection, second: str, scope: str, key: str) -> None:
    address = f"anne@{THEIRS}" if scope == "mailbox" else None
    number = agreed(space, scope, key, address, state="proposed", in_ms=600_000)
    space.execute("UPDATE transfer SET proposed_by = to_operator")
    space.commit()
    assert fault(space, number, GIVER, second) == "domain.not_yours"
    assert [fault(space, number, GIVER, each) for each in (BY, None)] == [None, None]


def test_a_receiver_takes_a_mailbox_into_a_domain_of_its_certificate(space: Connection, second: str) -> None:
    number = agreed(space, "mailbox", OWN_ADDRESS, f"anne@{THEIRS}", state="proposed", in_ms=600_000)
    assert fault(space, number, RECEIVER, second, f"elise@{THEIRS}") == "domain.not_yours"
    assert [fault(space, number, RECEIVER, each) for each in (BY, None)] == [None, None]


def test_a_receiver_takes_a_domain_by_any_of_its_certificates(space: Connection, second: str) -> None:
    number = agreed(space, "domain", OWN, state="proposed", in_ms=600_000)
    assert [fault(space, number, RECEIVER, each) for each in (second, BY)] == [None, None]
