"""The pre-send check over REST: every cause has its own reason, and hidden addresses have none of their own."""

import json
import re
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.main import create_app
from app.search.check import Reason
from app.search.check_alike import Cause
from app.search.check_schemas import CheckedAddresses
from app.settings import Settings
from tests.builders import DOMAIN, a_small_directory, an_operator, publish
from tests.search.space import (
    HERE,
    HIDDEN,
    INJECTED,
    LEFT_OUT,
    OTHER_OPERATOR,
    SECOND,
    SUCCESSOR,
    SUSPENDED,
    TEAM,
    build,
    operator,
)

Connection = psycopg.Connection[Any]
Json = dict[str, Any]


@pytest.fixture
def edition(registry: Connection) -> int:
    return build(registry)


def check(client: TestClient, *addresses: str, headers: dict[str, str] | None = None) -> Any:
    return client.post("/v1/mailboxes/check", json={"addresses": addresses}, headers=headers)


def one(client: TestClient, address: str) -> Json:
    """What is said of one address, alone."""
    (result,) = check(client, address).json()["results"]
    assert isinstance(result, dict)
    return result


@pytest.mark.usefixtures("edition")
def test_every_injected_cause_has_its_own_reason(client: TestClient) -> None:
    results = check(client, *INJECTED).json()["results"]
    told = {each["address"]: (each["reason"], each["cause"]) for each in results}
    assert told == INJECTED
    assert [each["deliverable"] for each in results] == [reason is None for reason, _ in INJECTED.values()]


def test_the_table_holds_every_reason_and_every_cause() -> None:
    reasons, causes = ({told[place] for told in INJECTED.values()} for place in (0, 1))
    assert reasons == {None, *Reason}
    assert causes == {None, *Cause, "missing", "ascii", "at_sign", "length", "local_part", "domain"}
    assert len(set(INJECTED.values()) - {(None, None)}) >= 12


def test_the_answer_fits_its_model_and_says_its_edition(client: TestClient, edition: int) -> None:
    answer = check(client, *INJECTED)
    checked = CheckedAddresses.model_validate_json(answer.content)
    assert (checked.edition, answer.headers["directory-edition"]) == (edition, str(edition))
    assert (checked.domain_rule, checked.contact) == ("on", None)
    assert [answer.headers["cache-control"], "etag" in answer.headers] == ["no-store", False]


@pytest.mark.usefixtures("edition")
def test_one_result_for_each_address_in_order_twins_kept(client: TestClient) -> None:
    asked = [*INJECTED, HERE, "", *reversed(INJECTED), HIDDEN, HERE]
    results = check(client, *asked).json()["results"]
    assert [each["address"] for each in results] == asked
    assert [(each["reason"], each["cause"]) for each in results] == [INJECTED[address] for address in asked]


@pytest.mark.usefixtures("edition")
def test_a_deliverable_one_says_its_type_and_nothing_of_its_holder(client: TestClient) -> None:
    answer = check(client, HERE, TEAM)
    assert [each["type"] for each in answer.json()["results"]] == ["PER", "ORG"]
    assert not re.search("EXEMPLE.*EXEMPLE|99900000060|practitioner", answer.text)
    assert one(client, HERE) == {
        "address": HERE,
        "deliverable": True,
        **dict.fromkeys(("reason", "cause", "since", "successor", "suggestion")),
        "type": "PER",
        "alike": [],
        "ask": [],
    }


@pytest.mark.usefixtures("edition")
def test_a_withdrawn_one_says_since_when_and_who_follows(client: TestClient) -> None:
    address = f"parti.depuis@{DOMAIN}"
    told, problem = one(client, address), client.get(f"/v1/mailboxes/{address}").json()
    assert (told["since"], told["successor"], told["reason"]) == (problem["since"], SUCCESSOR, problem["reason"])
    assert one(client, f"sans.suite@{DOMAIN}")["successor"] is None


@pytest.mark.usefixtures("edition")
def test_a_successor_that_is_hidden_is_not_told(client: TestClient, registry: Connection) -> None:
    registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", [SUCCESSOR])
    publish(registry, ("mailbox", SUCCESSOR))
    told = one(client, f"parti.depuis@{DOMAIN}")
    assert (told["reason"], told["successor"]) == ("withdrawn", None)


@pytest.mark.usefixtures("edition")
def test_a_withdrawal_is_told_as_long_as_a_look_up_tells_it(
    api_settings: Settings, client: TestClient, registry: Connection
) -> None:
    days = api_settings.mailbox_tombstone_days
    registry.execute("UPDATE withdrawn SET since = since - make_interval(days => %s)", [days])
    registry.commit()
    for address in (f"parti.depuis@{DOMAIN}", f"radie@{DOMAIN}"):
        assert one(client, address)["reason"] == "unknown"
        assert client.get(f"/v1/mailboxes/{address}").status_code == 404
    assert one(client, f"jadis@{LEFT_OUT}")["reason"] == "domain_unknown"


@pytest.mark.usefixtures("edition")
@pytest.mark.parametrize(
    ("address", "owner"),
    [
        (f"personne@{DOMAIN}", operator()),
        (f"parti.depuis@{DOMAIN}", operator()),
        (f"radie@{DOMAIN}", operator()),
        (f"personne@{SECOND}", operator("SOCIÉTÉ ESSAI", OTHER_OPERATOR)),
        (f"personne@{SECOND.replace('i', 'l')}", operator("SOCIÉTÉ ESSAI", OTHER_OPERATOR)),
    ],
)
def test_whom_to_ask_is_who_serves_the_domain_that_is_meant(
    client: TestClient, address: str, owner: dict[str, str]
) -> None:
    assert one(client, address)["ask"] == [owner]
    published = client.get(f"/v1/trust/operators/{owner['id']}").json()
    assert {name: published[name] for name in owner} == owner


@pytest.mark.usefixtures("edition")
def test_all_operators_of_a_domain_are_named_and_none_that_left(client: TestClient, registry: Connection) -> None:
    an_operator(registry, "1990000036", name="RÉSEAU", domains=(DOMAIN, SECOND))
    registry.commit()
    assert [each["id"] for each in one(client, f"personne@{DOMAIN}")["ask"]] == ["1990000010", "1990000036"]
    registry.execute("UPDATE operator SET state = 'left' WHERE id = '1990000036'")
    registry.commit()
    assert one(client, f"personne@{DOMAIN}")["ask"] == [operator()]


@pytest.mark.usefixtures("edition")
def test_who_has_no_operator_to_ask_is_given_the_contact_of_the_trust_space(api_settings: Settings) -> None:
    settings = api_settings.model_copy(update={"white_list_contact": "espace@exemple.fr"})
    with TestClient(create_app(settings)) as client:
        answer = check(client, f"jadis@{LEFT_OUT}").json()
    assert (answer["contact"], answer["results"][0]["ask"]) == ("espace@exemple.fr", [])


@pytest.mark.usefixtures("edition")
def test_a_look_alike_suggests_the_address_in_the_domain_that_is_meant(client: TestClient) -> None:
    told = one(client, "Anne.Exemple@CH-EXMPLE.mssante.fr")
    assert (told["suggestion"], told["alike"]) == (HERE, [DOMAIN])


@pytest.mark.usefixtures("edition")
def test_a_suggestion_says_nothing_of_whether_the_address_is_there(client: TestClient) -> None:
    found = [one(client, address.replace("exemple.", "exmple.")) for address in (TEAM, HIDDEN, f"jamais.vu@{DOMAIN}")]
    assert [each["suggestion"] for each in found] == [TEAM, HIDDEN, f"jamais.vu@{DOMAIN}"]
    for each in found:
        del each["address"], each["suggestion"]
    assert found[0] == found[1] == found[2]


@pytest.mark.usefixtures("edition")
def test_where_several_domains_are_alike_none_is_suggested(client: TestClient, registry: Connection) -> None:
    twins = ("ehpad-a.mssante.fr", "ehpad-b.mssante.fr")
    an_operator(registry, "1990000036", domains=twins)
    registry.commit()
    told = one(client, "accueil@ehpad-c.mssante.fr")
    assert (told["reason"], told["suggestion"], told["alike"], told["ask"]) == ("look_alike", None, [*twins], [])


@pytest.mark.usefixtures("edition")
def test_a_change_of_the_trust_space_counts_at_once(client: TestClient, registry: Connection) -> None:
    address = "accueil@tout-neuf.mssante.fr"
    assert one(client, address)["reason"] == "domain_unknown"
    an_operator(registry, "1990000036", domains=("tout-neuf.mssante.fr",))
    registry.commit()
    assert one(client, address)["reason"] == "unknown"
    registry.execute("DELETE FROM domain WHERE name = 'tout-neuf.mssante.fr'")
    registry.commit()
    assert one(client, address)["reason"] == "domain_unknown"


def test_without_a_white_list_no_domain_is_judged_and_the_answer_says_so(
    client: TestClient, registry: Connection
) -> None:
    a_small_directory(registry)
    an_operator(registry, domains=(SECOND,))
    registry.commit()
    asked = [HERE, f"personne@{DOMAIN}", f"personne@{SECOND}", f"personne@mail.{SECOND}", "anne@gmail.com", "anne"]
    answer = check(client, *asked).json()
    assert answer["domain_rule"] == "off"
    told = [None, "unknown", "unknown", "unknown", "foreign", "syntax"]
    assert [each["reason"] for each in answer["results"]] == told
    assert [each["ask"] for each in answer["results"]] == [[], [], [operator()], [], [], []]


@pytest.mark.usefixtures("edition")
@pytest.mark.parametrize("hidden", [HIDDEN, SUSPENDED])
def test_a_hidden_address_answers_like_one_that_never_was(client: TestClient, hidden: str) -> None:
    never = "j" * len(hidden.partition("@")[0]) + f"@{DOMAIN}"
    headers = {"X-Request-ID": "the-same"}
    both = [check(client, address, f"  {address.upper()}", headers=headers) for address in (hidden, never)]
    bodies = [
        re.sub(address, "it", each.text, flags=re.IGNORECASE)
        for address, each in zip((hidden, never), both, strict=True)
    ]
    assert bodies[0] == bodies[1]
    names = [{name: value for name, value in each.headers.items() if name != "ratelimit"} for each in both]
    assert names[0] == names[1]


@pytest.mark.usefixtures("edition")
def test_who_is_confirmed_is_charged_and_nobody_else(client: TestClient, key_for: Any) -> None:
    bound = key_for("read", budget=1)
    nobody = [address for address, (reason, _) in INJECTED.items() if reason]
    assert check(client, *nobody, headers=bound).status_code == 200
    # Twice, in two ways, and as a person with two mailboxes: one person.
    assert check(client, HERE, HERE.upper(), SUCCESSOR, headers=bound).status_code == 200
    refused = check(client, TEAM, *nobody, headers=bound)
    assert (refused.status_code, refused.json()["code"]) == (429, "budget.exhausted")
    assert check(client, HERE, *nobody, headers=bound).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"addresses": []},
        {"addresses": [HERE] * 1_001},
        {"addresses": [1]},
        {"addresses": [None]},
        {"addresses": HERE},
        {"ids": [HERE]},
        {"addresses": [HERE], "more": 1},
        [],
        None,
    ],
)
def test_a_body_of_another_shape_is_refused(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/mailboxes/check", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


def test_what_is_no_json_or_no_text_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answers = [
        client.post("/v1/mailboxes/check", content=each, headers=headers)
        for each in (b"{", b'{"addresses": ["\\ud800@b.fr"]}')
    ]
    assert [answer.status_code for answer in answers] == [400, 422]


@pytest.mark.usefixtures("edition")
def test_a_thousand_are_checked_at_once(client: TestClient) -> None:
    many = [f"m{number}@d{number}.mssante.fr" for number in range(999)] + [HERE]
    results = check(client, *many).json()["results"]
    assert [each["reason"] for each in results] == ["domain_unknown"] * 999 + [None]


ADDRESSES = st.one_of(
    st.text(max_size=80),
    st.builds("{}@{}".format, st.text(max_size=30), st.text(max_size=30)),
    st.builds("{}@{}.mssante.fr".format, st.text(max_size=20), st.text(alphabet="chexmpl-.1iO\u0435é", max_size=15)),
    st.sampled_from([*INJECTED]),
)


@pytest.mark.usefixtures("edition")
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(addresses=st.lists(ADDRESSES, max_size=12))
def test_any_text_has_a_reason_or_the_body_is_refused(client: TestClient, addresses: list[str]) -> None:
    answer = client.post(
        "/v1/mailboxes/check",
        content=json.dumps({"addresses": addresses}),
        headers={"Content-Type": "application/json"},
    )
    is_good = len(addresses) > 0
    assert answer.status_code == (200 if is_good else 422)
    if is_good:
        checked = CheckedAddresses.model_validate_json(answer.content)
        assert [each.address for each in checked.results] == addresses
        assert all(each.deliverable == (each.reason is None) for each in checked.results)
        published = {HERE, TEAM, SUCCESSOR}
        assert all(each.deliverable == (each.address.strip().lower() in published) for each in checked.results)
