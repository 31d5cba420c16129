"""Tokens for programs: given to a client that proves itself, once for each proof, and good until they end."""

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from app.access.client_jwk import read
from app.access.clients import ListedClient, add, revoke
from app.access.oauth_routes import ASSERTION_TYPE
from app.access.rules import RULES, Rule
from app.main import create_app
from app.settings import Settings
from tests.access.authority import Authority, Held, a_name
from tests.access.conftest import PROXY, list_certificate
from tests.builders import OPERATOR, an_operator

Connection = psycopg.Connection[Any]
ISSUER = "http://127.0.0.1:8000"
KEY = ECKey.generate_key("P-256")
OTHER = "1990000028"


@pytest.fixture
def registered(registry: Connection) -> ListedClient:
    """A client of a listed operator that may publish and read the audit trail."""
    an_operator(registry)
    key = read(json.dumps(KEY.as_dict(private=False)))
    client = add(registry, "mail", OPERATOR, ["publish", "audit"], key)
    registry.commit()
    return client


def assertion(client: ListedClient, key: ECKey = KEY, **changed: Any) -> str:
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": ISSUER,
        "exp": int((datetime.now(UTC) + timedelta(minutes=2)).timestamp()),
        "jti": secrets.token_hex(8),
        **changed,
    }
    return jwt.encode({"alg": "ES256", "kid": client.kid}, claims, key)


def form(proof: str, **changed: str | None) -> dict[str, str]:
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": proof,
        **changed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def ask(http: TestClient, fields: Any, headers: dict[str, str] | None = None) -> Any:
    return http.post("/oauth2/token", data=fields, headers=headers)


def bearer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def refusal(answer: Any) -> tuple[int, str, str]:
    body = answer.json()
    assert body["code"] == f"oauth.{body['error']}"
    assert body["error_description"] == body["detail"]
    return answer.status_code, body["error"], body["detail"]


def test_a_client_gets_a_token_and_is_known_by_it(client: TestClient, registered: ListedClient) -> None:
    answer = ask(client, form(assertion(registered)))
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given.pop("access_token").startswith("annuaire_token_")
    assert given == {"token_type": "Bearer", "expires_in": 600, "scope": "audit publish"}
    me = client.get("/v1/me", headers=bearer(answer)).json()
    left = datetime.fromisoformat(me["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert (me["id"], me["name"], me["operator"]) == (registered.id, "mail", OPERATOR)
    assert (me["credential"], me["scopes"]) == (f"token:{registered.id}", ["audit", "publish"])


def test_a_token_publishes_where_a_key_does_not(
    api_settings: Settings, registered: ListedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, "/v1/me", Rule.PUBLISH)
    with TestClient(create_app(api_settings)) as http:
        assert http.get("/v1/me", headers=bearer(ask(http, form(assertion(registered))))).status_code == 200
        reading = ask(http, form(assertion(registered), scope="audit"))
        assert http.get("/v1/me", headers=bearer(reading)).json()["code"] == "scope.missing"


def test_a_client_may_ask_for_less_and_not_for_more(client: TestClient, registered: ListedClient) -> None:
    assert ask(client, form(assertion(registered), scope="publish")).json()["scope"] == "publish"
    proof = assertion(registered)
    assert refusal(ask(client, form(proof, scope="publish admin")))[:2] == (400, "invalid_scope")
    # Refused for its scope, the proof is still unused.
    assert ask(client, form(proof)).status_code == 200


def test_an_assertion_is_good_once(client: TestClient, registered: ListedClient) -> None:
    proof = assertion(registered)
    assert ask(client, form(proof)).status_code == 200
    status, error, detail = refusal(ask(client, form(proof)))
    assert (status, error) == (401, "invalid_client")
    assert "used before" in detail
    again = assertion(registered, jti="chosen")
    assert ask(client, form(again)).status_code == 200
    assert ask(client, form(assertion(registered, jti="chosen"))).status_code == 401


@pytest.mark.parametrize("rounds", range(3))
def test_of_many_who_use_one_assertion_at_once_exactly_one_wins(
    api_settings: Settings, registered: ListedClient, registry: Connection, rounds: int
) -> None:
    proof = assertion(registered, jti=f"round {rounds}")
    with (
        TestClient(create_app(api_settings)) as one,
        TestClient(create_app(api_settings)) as other,
        ThreadPoolExecutor(8) as several,
    ):
        answers = list(several.map(lambda http: ask(http, form(proof)).status_code, [one, other] * 4))
    assert sorted(answers) == [200] + [401] * 7
    assert registry.execute("SELECT count(*) FROM access_token").fetchone() == (1,)


def test_the_last_use_of_a_client_is_noted(client: TestClient, registered: ListedClient, registry: Connection) -> None:
    ask(client, form(assertion(registered)))
    row = registry.execute("SELECT last_used_at > created_at FROM client_key").fetchone()
    assert row == (True,)


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "k' OR '1'='1", "%", "another", "k\u0000", "\U0001f600", "file:///etc/passwd", ""]
)
def test_a_kid_that_nobody_registered_opens_nothing(client: TestClient, registered: ListedClient, kid: str) -> None:
    made = jwt.encode({"alg": "ES256", "kid": kid}, {"iss": registered.id}, KEY)
    assert refusal(ask(client, form(made)))[:2] == (401, "invalid_client")


def test_the_proof_of_another_is_refused(client: TestClient, registered: ListedClient, registry: Connection) -> None:
    stranger = ECKey.generate_key("P-256")
    assert refusal(ask(client, form(assertion(registered, stranger))))[:2] == (401, "invalid_client")
    second = add(registry, "second", OPERATOR, ["read"], read(json.dumps(stranger.as_dict(private=False))))
    registry.commit()
    # Signed by its own key, in the name of the other.
    assert refusal(ask(client, form(assertion(second, stranger, iss=registered.id, sub=registered.id))))[0] == 401
    assert refusal(ask(client, form(assertion(second, stranger), client_id=registered.id)))[0] == 401
    assert ask(client, form(assertion(second, stranger), client_id=second.id)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"aud": "https://elsewhere.example"}, 401, "invalid_client"),
        ({"exp": 1}, 401, "invalid_client"),
        ({"jti": None}, 401, "invalid_client"),
    ],
)
def test_a_wrong_assertion_is_refused_with_its_reason(
    client: TestClient, registered: ListedClient, changed: dict[str, Any], status: int, error: str
) -> None:
    assert refusal(ask(client, form(assertion(registered, **changed))))[:2] == (status, error)


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": ""}, 401, "invalid_client"),
        ({"client_assertion_type": "urn:other"}, 401, "invalid_client"),
        ({"client_assertion": None, "client_secret": "x", "client_id": "y"}, 401, "invalid_client"),
        ({"padding": "x" * 20_000}, 400, "invalid_request"),
        ({f"field{number}": "x" for number in range(30)}, 400, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_request_is_refused_in_the_words_of_oauth(
    client: TestClient, registered: ListedClient, changed: dict[str, str | None], status: int, error: str
) -> None:
    assert refusal(ask(client, form(assertion(registered), **changed)))[:2] == (status, error)


def test_a_field_given_twice_or_another_form_is_refused(client: TestClient, registered: ListedClient) -> None:
    fields = form(assertion(registered))
    twice = "&".join(f"{name}={value}" for name, value in [*fields.items(), ("scope", "a"), ("scope", "b")])
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    for content, headers in ((twice, kind), (json.dumps(fields), {"Content-Type": "application/json"}), ("é", kind)):
        answer = client.post("/oauth2/token", content=content, headers=headers)
        assert refusal(answer)[:2] == (400, "invalid_request")


def test_a_token_ends_by_itself_and_with_its_client(
    client: TestClient, registered: ListedClient, registry: Connection
) -> None:
    first, second = (bearer(ask(client, form(assertion(registered)))) for _ in range(2))
    registry.execute("UPDATE access_token SET expires_at = now() WHERE ctid = (SELECT min(ctid) FROM access_token)")
    registry.commit()
    assert sorted(client.get("/v1/me", headers=each).status_code for each in (first, second)) == [200, 401]
    third = bearer(ask(client, form(assertion(registered))))
    revoke(registry, registered.id)
    registry.commit()
    for each in (first, second, third):
        assert client.get("/v1/me", headers=each).json()["code"] == "credentials.invalid"
    assert refusal(ask(client, form(assertion(registered))))[0] == 401


@pytest.mark.parametrize("change", [lambda token: token[:-1], lambda token: token[:20] + "zz" + token[22:], str.upper])
def test_a_token_typed_wrong_is_refused(
    client: TestClient, registered: ListedClient, change: Callable[[str], str]
) -> None:
    token = ask(client, form(assertion(registered))).json()["access_token"]
    answer = client.get("/v1/me", headers={"Authorization": f"Bearer {change(token)}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")


def test_the_database_holds_no_token(client: TestClient, registered: ListedClient, registry: Connection) -> None:
    secret = ask(client, form(assertion(registered))).json()["access_token"].removeprefix("annuaire_token_")[:20]
    rows = registry.execute("SELECT t::text, encode(digest, 'escape') FROM access_token t").fetchall()
    assert len(rows) == 1
    assert secret not in str(rows)


@pytest.fixture
def behind(certificate_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(certificate_settings), client=PROXY) as http:
        yield http


def test_a_token_got_over_a_certificate_is_good_with_it_alone(
    behind: TestClient, registered: ListedClient, registry: Connection, authority: Authority
) -> None:
    mine, renewed = (authority.issue(a_name("mine")) for _ in range(2))
    list_certificate(registry, mine)
    bound = bearer(ask(behind, form(assertion(registered)), mine.header))
    me = behind.get("/v1/me", headers={**bound, **mine.header}).json()
    assert me["credential"] == f"token:{registered.id}"
    assert me["certificate"]["name"].startswith("C=fr,CN=mine")
    for headers in (bound, {**bound, **renewed.header}):
        answer = behind.get("/v1/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")
    unbound = bearer(ask(behind, form(assertion(registered))))
    for headers in (unbound, {**unbound, **mine.header}):
        assert behind.get("/v1/me", headers=headers).status_code == 200


def test_the_certificate_of_another_operator_gets_no_token(
    behind: TestClient, registered: ListedClient, registry: Connection, authority: Authority
) -> None:
    an_operator(registry, OTHER, name="OTHER", domains=())
    theirs: Held = authority.issue(a_name("theirs"))
    list_certificate(registry, theirs, operator=OTHER)
    proof = assertion(registered)
    assert refusal(ask(behind, form(proof), theirs.header))[:2] == (401, "invalid_client")
    unlisted = authority.issue(a_name("unlisted"))
    assert ask(behind, form(proof), unlisted.header).json()["code"] == "certificate.unknown"
    token = bearer(ask(behind, form(proof)))
    assert behind.get("/v1/me", headers={**token, **theirs.header}).json()["code"] == "credentials.invalid"


def test_a_forged_certificate_gets_no_token(client: TestClient, registered: ListedClient, authority: Authority) -> None:
    answer = ask(client, form(assertion(registered)), authority.issue().header)
    assert (answer.status_code, answer.json()["code"]) == (401, "certificate.not_from_proxy")


def test_who_asks_too_fast_is_told_to_wait(api_settings: Settings) -> None:
    with TestClient(create_app(api_settings.model_copy(update={"anonymous_rate": 2}))) as http:
        answers = [ask(http, form("x")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == "rate.exceeded"


def test_the_metadata_says_how_to_get_a_token(client: TestClient) -> None:
    said = client.get("/.well-known/oauth-authorization-server").json()
    assert said["issuer"] == ISSUER
    assert said["token_endpoint"] == f"{ISSUER}/oauth2/token"
    assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert said["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]
    assert said["grant_types_supported"] == ["client_credentials"]
    assert said["tls_client_certificate_bound_access_tokens"] is True
