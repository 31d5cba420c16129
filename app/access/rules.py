"""What each route asks of its caller: one table, deny by default.

Every route is wrapped by its rule when the app is made; a route that the table does not name, or a method that it does
not name, stops the app from being made at all. So whoever adds a route decides who may call it.
"""

from collections.abc import Mapping
from copy import copy
from enum import Enum
from functools import partial
from typing import assert_never

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as HttpScope

from app.access.caller import Identity, Scope
from app.access.failures import Failures
from app.access.identify import identify
from app.budgets.allowance import Budgets
from app.problems import CredentialsMissing, CredentialsTooWeak, OperatorMissing, ScopeMissing
from app.settings import Settings
from app.standby.demand import require_primary


class Rule(Enum):
    """What a route asks of its caller."""

    OPEN = "anybody"
    LOOK_UP = "anybody, or a key that reads where anonymous access is switched off"
    ANY_KEY = "any key"
    OWN = "any key of an operator, or an admin's"
    READ = "a key that reads"
    COPY = "a key that reads and is bound by no budget"
    PUBLISH = "an operator, by a certificate or private_key_jwt, or by a key where the setting says so"
    ADMIN = "an admin's key"
    AUDIT = "a key with scope audit"


# A path has one rule, or one for each method that it takes: {"GET": Rule.LOOK_UP, "PUT": Rule.PUBLISH}.
RULES: Mapping[str, Rule | Mapping[str, Rule]] = {
    "/healthz": Rule.OPEN,
    "/readyz": Rule.OPEN,
    "/metrics": Rule.OPEN,
    "/openapi.json": Rule.OPEN,
    "/docs": Rule.OPEN,
    "/docs/{asset}": Rule.OPEN,
    "/problems/{slug}": Rule.OPEN,
    "/.well-known/oauth-authorization-server": Rule.OPEN,
    "/.well-known/annuaire-keys.json": Rule.OPEN,
    # It asks of its caller what no key can show: an assertion, checked by the route itself.
    "/oauth2/token": Rule.OPEN,
    "/v1/edition": Rule.OPEN,
    "/v1/digest": Rule.LOOK_UP,
    "/v1/digest/nodes": Rule.COPY,
    "/v1/search": Rule.LOOK_UP,
    "/v1/practitioners": Rule.LOOK_UP,
    "/v1/practitioners/lookup": Rule.LOOK_UP,
    "/v1/practitioners/{id}": Rule.LOOK_UP,
    "/v1/organizations": Rule.LOOK_UP,
    "/v1/organizations/lookup": Rule.LOOK_UP,
    "/v1/organizations/{id}": Rule.LOOK_UP,
    "/v1/mailboxes": Rule.LOOK_UP,
    "/v1/mailboxes/lookup": Rule.LOOK_UP,
    "/v1/mailboxes/check": Rule.LOOK_UP,
    "/v1/mailboxes/batch": Rule.PUBLISH,
    "/v1/mailboxes/{address}": {
        "GET": Rule.LOOK_UP,
        "PUT": Rule.PUBLISH,
        "PATCH": Rule.PUBLISH,
        "DELETE": Rule.PUBLISH,
    },
    "/v1/exports/practitioners": Rule.READ,
    "/v1/exports/organizations": Rule.READ,
    "/v1/exports/mailboxes": Rule.READ,
    "/v1/me/mailboxes": Rule.READ,
    "/v1/resolve": Rule.LOOK_UP,
    "/v1/trust/domains": Rule.LOOK_UP,
    "/v1/trust/operators": Rule.LOOK_UP,
    "/v1/changes": Rule.COPY,
    "/v1/snapshots": Rule.COPY,
    "/v1/snapshots/{edition}": Rule.COPY,
    "/v1/snapshots/{edition}/{file}": Rule.COPY,
    "/v1/me": Rule.ANY_KEY,
    "/v1/me/notices": Rule.OWN,
    # They lead to the feed.
    "/v1/me/webhooks": Rule.COPY,
    "/v1/me/webhooks/{id}": Rule.COPY,
    "/v1/me/webhooks/{id}/replay": Rule.COPY,
    "/v1/me/webhooks/{id}/deliveries": Rule.COPY,
    "/v1/trust/operators/{id}": Rule.LOOK_UP,
    "/v1/trust/whitelist.xml": Rule.LOOK_UP,
    "/v1/trust/whitelist.jws": Rule.LOOK_UP,
    "/v1/transfers": {"GET": Rule.OWN, "POST": Rule.PUBLISH},
    "/v1/transfers/{id}": Rule.OWN,
    "/v1/transfers/{id}/agree": Rule.PUBLISH,
    "/v1/transfers/{id}/refuse": Rule.PUBLISH,
    "/v1/transfers/{id}/withdraw": Rule.PUBLISH,
    "/v1/audit": Rule.AUDIT,
    "/v1/audit/head": Rule.AUDIT,
    "/v1/imports": Rule.ADMIN,
    "/v1/imports/template.csv": Rule.ADMIN,
    "/v1/imports/template.xlsx": Rule.ADMIN,
    "/v1/imports/{run}": Rule.ADMIN,
    "/v1/imports/{run}/changes": Rule.ADMIN,
    "/v1/imports/{run}/rejects": Rule.ADMIN,
    "/v1/imports/{run}/apply": Rule.ADMIN,
    "/v1/imports/{run}/undo": Rule.ADMIN,
}


class UnruledRoute(RuntimeError):
    """A route, or a method of one, without a line in RULES."""


def rule_of(path: str, method: str) -> Rule:
    """The rule of one method of a path. HEAD is asked as GET (app.head). Raises UnruledRoute."""
    rule = RULES.get(path)
    chosen = rule if isinstance(rule, Rule) or rule is None else rule.get(method)
    if chosen is None:
        raise UnruledRoute(f"no rule for {method} {path} in app.access.rules.RULES")
    return chosen


def guarded(route: BaseRoute) -> APIRoute:
    """The same route behind its rules. Raises UnruledRoute when the table has no line for one of its methods."""
    if not isinstance(route, APIRoute):
        raise UnruledRoute(f"no rule can guard {getattr(route, 'path', route)!r}: it is no APIRoute")
    rules = {method: rule_of(route.path_format, method) for method in route.methods or ()}
    behind = copy(route)
    behind.app = _guard(route.app, rules)
    return behind


def _guard(app: ASGIApp, rules: Mapping[str, Rule]) -> ASGIApp:
    async def guard(scope: HttpScope, receive: Receive, send: Send) -> None:
        rule = rules[scope["method"]]
        if rule is not Rule.OPEN:
            request = Request(scope)
            await _admit(request, rule)
            allow(request)
            # For those that hold an answer back: a key may end meanwhile.
            request.state.readmit = partial(_admit, request, rule)
        await app(scope, receive, send)

    return guard


async def _admit(request: Request, rule: Rule) -> None:
    """Let the caller through, or raise CredentialsMissing, CredentialsInvalid, RateExceeded or ScopeMissing.

    A key that is sent is checked even where none is needed: a mistake in it must not pass for anonymous.
    """
    settings: Settings = request.app.state.settings
    failures: Failures = request.app.state.failures
    caller = request.state.caller = await failures.judged(request, identify)
    if rule in {Rule.LOOK_UP, Rule.READ, Rule.COPY}:
        # That it is there makes the request a consultation (app.access.consultation); whoever answers says how much.
        request.state.shown = 0
    if may_write(caller):
        require_primary(request)
    if rule is Rule.LOOK_UP and caller.id is None and settings.anonymous_access:
        return
    if caller.id is None:
        raise CredentialsMissing("Send `Authorization: Bearer KEY`, or a client certificate.")
    _require(rule, caller, may_use_key=settings.publish_with_key)


def may_write(caller: Identity) -> bool:
    """Whether the credential changes the directory: then it reads where it writes, and finds what it wrote."""
    return not caller.scopes.isdisjoint(("publish", "admin"))


def _require(rule: Rule, caller: Identity, *, may_use_key: bool) -> None:
    """Let a known caller through, or raise ScopeMissing, OperatorMissing or CredentialsTooWeak."""
    match rule:
        case Rule.OPEN | Rule.ANY_KEY:
            return
        case Rule.OWN:
            if caller.operator is None and not caller.may("admin"):
                raise OperatorMissing("This is for operators, and this credential acts for none.")
        case Rule.PUBLISH:
            _require_writer(caller, may_use_key=may_use_key)
        case Rule.ADMIN | Rule.AUDIT:
            scope: Scope = "admin" if rule is Rule.ADMIN else "audit"
            if not caller.may(scope):
                raise ScopeMissing(f"It takes a key with scope {scope}.")
        case Rule.LOOK_UP | Rule.READ | Rule.COPY:
            if not caller.may("read"):
                raise ScopeMissing("It takes a key with scope read, publish or admin.")
            if rule is Rule.COPY and caller.budget is not None:
                # The whole directory goes out there: a budget would bind nobody.
                raise ScopeMissing("A key with a budget looks up, lists and searches. Ask for a key without one.")
        case _:
            assert_never(rule)


def allow(request: Request) -> None:
    """Note what the caller may still do, or raise RateExceeded."""
    caller: Identity = request.state.caller
    budgets: Budgets = request.app.state.budgets
    address = request.app.state.proxies.client_address(request.scope)
    allowance = request.state.allowance = budgets.allowance(caller.credential, caller.budget, address)
    budgets.take(allowance)


def _require_writer(caller: Identity, *, may_use_key: bool) -> None:
    """Let an operator write, or raise ScopeMissing, OperatorMissing or CredentialsTooWeak. What it may write, and
    where, is for the write itself to decide, in its transaction.
    """
    if not caller.may("publish"):
        raise ScopeMissing("It takes scope publish.")
    if caller.operator is None:
        raise OperatorMissing("Only operators publish, and this credential acts for none.")
    if not caller.is_strong and not may_use_key:
        raise CredentialsTooWeak("Publish with a client certificate, or with a token got by private_key_jwt.")
