"""Deny by default: every route has a rule, and the rule holds."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from app.access.caller import Caller, Identity
from app.access.rules import RULES, Rule, UnruledRoute, guarded, rule_of
from app.main import create_app
from app.settings import Settings
from tests.builders import an_operator

Connection = psycopg.Connection[Any]

EVERY_ROUTE = sorted(
    (
        (method, route.path_format, rule_of(route.path_format, method))
        for route in create_app(Settings(_env_file=None, key_pepper="to list the routes")).routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ),
    key=lambda line: line[:2],
)


@pytest.fixture
def closed(api_settings: Settings) -> Iterator[TestClient]:
    """The API where anonymous access is switched off."""
    app = create_app(api_settings.model_copy(update={"anonymous_access": False}))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def call(client: TestClient, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    concrete = path.replace("{", "").replace("}", "")
    return client.request(method, concrete, headers=headers, json={} if method == "POST" else None).status_code


def test_every_route_of_the_app_has_a_rule_and_every_rule_a_route(api_settings: Settings) -> None:
    routes = create_app(api_settings).routes
    assert {getattr(route, "path_format", repr(route)) for route in routes} == set(RULES)
    served = {(path, method) for method, path, _ in EVERY_ROUTE}
    assert {(path, method) for path, rule in RULES.items() if isinstance(rule, Mapping) for method in rule} <= served


def test_a_route_or_method_without_a_rule_stops_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter()

    @router.get("/v1/new")
    async def new() -> None: ...

    @router.delete("/v1/mailboxes")
    async def clear() -> None: ...

    monkeypatch.setitem(RULES, "/v1/mailboxes", {"GET": Rule.LOOK_UP})
    for route in (*router.routes, Mount("/files", app=router), Route("/v1/mailboxes", new)):
        with pytest.raises(UnruledRoute):
            guarded(route)


@pytest.mark.parametrize(("method", "path", "rule"), EVERY_ROUTE)
def test_an_anonymous_caller_reaches_only_what_is_open(
    client: TestClient, closed: TestClient, method: str, path: str, rule: Rule
) -> None:
    assert (call(client, method, path) == 401) == (rule not in {Rule.OPEN, Rule.LOOK_UP})
    assert (call(closed, method, path) == 401) == (rule is not Rule.OPEN)


@pytest.mark.parametrize(("method", "path", "rule"), [line for line in EVERY_ROUTE if line[2] is not Rule.OPEN])
def test_a_key_that_may_not_read_is_told_so(
    closed: TestClient, key_for: Callable[..., dict[str, str]], method: str, path: str, rule: Rule
) -> None:
    status = call(closed, method, path, key_for("audit"))
    assert (status == 403) == (rule not in {Rule.ANY_KEY, Rule.AUDIT})
    assert status != 401


@pytest.mark.parametrize(("method", "path", "rule"), [line for line in EVERY_ROUTE if line[2] is Rule.ADMIN])
def test_a_key_that_reads_is_no_admins(
    client: TestClient, key_for: Callable[..., dict[str, str]], method: str, path: str, rule: Rule
) -> None:
    assert call(client, method, path, key_for("read", "publish")) == 403
    assert rule is Rule.ADMIN


@pytest.mark.parametrize("may_use_key", [True, False])
def test_a_key_publishes_only_for_an_operator_and_where_the_setting_says_so(
    api_settings: Settings,
    registry: Connection,
    key_for: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    may_use_key: bool,
) -> None:
    router = APIRouter()

    @router.put("/v1/new")
    async def new(caller: Caller) -> list[str | None]:
        return [caller.operator, caller.credential]

    monkeypatch.setitem(RULES, "/v1/new", {"PUT": Rule.PUBLISH})
    app = create_app(api_settings.model_copy(update={"publish_with_key": may_use_key}))
    app.router.routes.append(guarded(router.routes[0]))
    operator = an_operator(registry)
    mine = key_for("publish", operator=operator)
    with TestClient(app) as client:
        answers = {
            "nobody": client.put("/v1/new"),
            "reader": client.put("/v1/new", headers=key_for("read", "admin", operator=operator)),
            "no operator": client.put("/v1/new", headers=key_for("publish")),
            "operator": client.put("/v1/new", headers=mine),
        }
        identifier = client.get("/v1/me", headers=mine).json()["id"]
    refused = {who: answer.json()["code"] for who, answer in answers.items() if answer.is_error}
    always = {"nobody": "credentials.missing", "reader": "scope.missing", "no operator": "operator.missing"}
    assert refused == (always if may_use_key else {**always, "operator": "credentials.too_weak"})
    if may_use_key:
        assert answers["operator"].json() == [operator, f"key:{identifier}"]


@pytest.mark.parametrize("scope", ["read", "publish", "admin"])
def test_reading_publishing_and_administering_keys_read(
    closed: TestClient, key_for: Callable[..., dict[str, str]], scope: str
) -> None:
    headers = key_for(scope)
    assert {call(closed, "GET", path, headers) for path in ("/v1/changes", "/v1/mailboxes", "/v1/digest")} == {200}


def test_scopes_add_up_and_only_reading_is_implied() -> None:
    both = Identity(scopes=frozenset({"publish", "audit"}))
    assert [both.may(scope) for scope in ("read", "publish", "audit", "admin")] == [True, True, True, False]
    assert not Identity().may("read")
