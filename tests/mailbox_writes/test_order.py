"""The rules are asked in one order: a write that breaks them all learns of the first, then of the next."""

import json
from typing import Any

import psycopg
from starlette.testclient import TestClient

from tests.builders import DOMAIN, RPPS
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, per

Connection = psycopg.Connection[Any]
# A body against every rule: type, limits; sent without If-Match to an address that is taken.
WRONG = per(description="x", service="x" * 91, practitioner="99900000078")


def code(answer: Any) -> str:
    return str(answer.json()["code"])


def test_each_rule_is_asked_after_the_one_before_it(
    operator: Operator, other: Operator, client: TestClient, world: Connection
) -> None:
    taken = f"anne@{domain_of('shared')}"
    other.put(taken)
    headers = {**operator.headers, "Content-Type": "application/json"}

    def broken(address: str) -> str:
        return code(client.put(f"/v1/mailboxes/{address}", content=b"{", headers=headers))

    # Caller: without a credential, then with an operator that may not publish.
    assert code(client.put(f"/v1/mailboxes/{taken}", content=b"{")) == "credentials.missing"
    world.execute("UPDATE operator SET state = 'suspended' WHERE id = %s", (operator.id,))
    world.commit()
    foreign = f"anne@{domain_of('other')}"
    assert broken(foreign) == "operator.not_publishing"
    world.execute("UPDATE operator SET state = 'active' WHERE id = %s", (operator.id,))
    world.commit()
    # Domain, then whose the mailbox is, before anything is said of the body.
    assert broken(foreign) == "domain.not_yours"
    assert broken(taken) == "mailbox.not_yours"
    # Then the body as such, the type, the limits, and last the address.
    operator.put()
    assert broken(ADDRESS) == "request.unreadable"
    assert code(operator.put(ADDRESS, {**WRONG, "unheard_of": 1})) == "request.invalid"
    assert code(operator.put(ADDRESS, WRONG)) == "mailbox.immutable"
    assert code(operator.put(ADDRESS, {**WRONG, "practitioner": RPPS})) == "mailbox.member_not_allowed"
    assert code(operator.put(ADDRESS, per(service="x" * 91))) == "mailbox.member_limit"
    assert code(operator.put(ADDRESS, per())) == "precondition.missing"
    # And at an address that is in quarantine.
    operator.delete(ADDRESS, if_match="*")
    assert code(operator.put(ADDRESS, WRONG, if_match="*")) == "mailbox.practitioner_unknown"
    assert code(operator.put(ADDRESS, per(service="x" * 91), if_match="*")) == "mailbox.member_limit"
    assert code(operator.put(ADDRESS, per(), if_match="*")) == "precondition.failed"


def test_each_missing_piece_of_a_candidate_is_named(operator: Operator, world: Connection) -> None:
    world.execute("UPDATE operator SET state = 'candidate', source = 'admin' WHERE id = %s", (operator.id,))
    world.execute("UPDATE domain SET source = 'admin'")
    world.commit()
    for answer in (
        operator.put(),
        operator.patch(ADDRESS, {}, if_match="*"),
        operator.delete(ADDRESS, if_match="*"),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (403, "operator.not_publishing")
        assert [each["code"] for each in problem["errors"]] == ["operator.candidate", *["conformity.missing"] * 3]
        assert all(word in problem["detail"] for word in ("contract", "commitment", "hosting"))


def test_a_domain_of_others_answers_the_same_whatever_is_there(
    operator: Operator, other: Operator, client: TestClient
) -> None:
    """Hidden, public, withdrawn, or never: byte for byte, for every verb, and whatever is sent."""
    foreign = domain_of("other")
    other.put(f"hidden@{foreign}", per(liste_rouge=True))
    other.put(f"public@{foreign}")
    other.put(f"secret@{foreign}", per(state="suspended"))
    other.put(f"gone@{foreign}")
    other.delete(f"gone@{foreign}", if_match="*")
    names = ("hidden", "public", "secret", "gone", "ghost")
    for method in ("PUT", "PATCH", "DELETE"):
        for content in (b"", b"{", json.dumps(per()).encode()):
            for tag in ({}, {"If-Match": "*"}, {"If-None-Match": "*"}):
                headers = {**operator.headers, **tag, "Content-Type": "application/json", "X-Request-ID": "the-same"}
                answers = {
                    client.request(method, f"/v1/mailboxes/{name}@{foreign}", content=content, headers=headers).content
                    for name in names
                }
                assert len(answers) == 1
                assert json.loads(answers.pop())["code"] == "domain.not_yours"


def test_look_alike_domains_are_other_domains(operator: Operator) -> None:
    for domain in (
        f"x.{DOMAIN}",
        f"{DOMAIN}.mssante.fr",
        DOMAIN.replace("exemple", "exempIe"),
        DOMAIN.replace("-", "--"),
        DOMAIN.removeprefix("ch-"),
        "mssante.fr",
        "xn--ch-exmple-d4a.mssante.fr",
        f"{DOMAIN}x",
    ):
        answer = operator.put(f"anne@{domain}")
        assert (domain, answer.status_code, code(answer)) == (domain, 403, "domain.not_yours")
