"""What each route asks of its caller: one table, deny by default.

Every route is wrapped by its rule when the app is made; a route that the table does not name stops the app from being
made at all. So whoever adds a route decides who may call it.
"""

from collections.abc import Mapping
from copy import copy
from enum import Enum

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.caller import identify
from app.problems import CredentialsMissing, ScopeMissing


class Rule(Enum):
    """What a route asks of its caller."""

    OPEN = "anybody"
    LOOK_UP = "anybody, or a key that reads where anonymous access is switched off"
    ANY_KEY = "any key"
    READ = "a key that reads"
    ADMIN = "an admin's key"


RULES: Mapping[str, Rule] = {
    "/healthz": Rule.OPEN,
    "/readyz": Rule.OPEN,
    "/metrics": Rule.OPEN,
    "/openapi.json": Rule.OPEN,
    "/docs": Rule.OPEN,
    "/docs/{asset}": Rule.OPEN,
    "/problems/{slug}": Rule.OPEN,
    "/v1/edition": Rule.OPEN,
    "/v1/digest": Rule.LOOK_UP,
    "/v1/practitioners": Rule.LOOK_UP,
    "/v1/practitioners/lookup": Rule.LOOK_UP,
    "/v1/practitioners/{id}": Rule.LOOK_UP,
    "/v1/organizations": Rule.LOOK_UP,
    "/v1/organizations/lookup": Rule.LOOK_UP,
    "/v1/organizations/{id}": Rule.LOOK_UP,
    "/v1/mailboxes": Rule.LOOK_UP,
    "/v1/mailboxes/lookup": Rule.LOOK_UP,
    "/v1/mailboxes/{address}": Rule.LOOK_UP,
    "/v1/trust/domains": Rule.LOOK_UP,
    "/v1/trust/operators": Rule.LOOK_UP,
    "/v1/changes": Rule.READ,
    "/v1/me": Rule.ANY_KEY,
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
    """A route without a line in RULES."""


def guarded(route: BaseRoute) -> APIRoute:
    """The same route behind its rule. Raises UnruledRoute when the table has no line for it."""
    rule = RULES.get(route.path_format) if isinstance(route, APIRoute) else None
    if rule is None or not isinstance(route, APIRoute):
        raise UnruledRoute(f"no rule for {getattr(route, 'path', route)!r} in app.access.rules.RULES")
    behind = copy(route)
    behind.app = _guard(route.app, rule)
    return behind


def _guard(app: ASGIApp, rule: Rule) -> ASGIApp:
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if rule is not Rule.OPEN:
            await _admit(Request(scope), rule)
        await app(scope, receive, send)

    return guard


async def _admit(request: Request, rule: Rule) -> None:
    """Let the caller through, or raise CredentialsMissing, CredentialsInvalid or ScopeMissing.

    A key that is sent is checked even where none is needed: a mistake in it must not pass for anonymous.
    """
    caller = request.state.caller = await identify(request)
    if rule is Rule.LOOK_UP and caller.id is None and request.app.state.settings.anonymous_access:
        return
    if caller.id is None:
        raise CredentialsMissing("Send `Authorization: Bearer KEY`.")
    if rule is Rule.ADMIN and not caller.may("admin"):
        raise ScopeMissing("It takes a key with scope admin.")
    if rule is not Rule.ANY_KEY and not caller.may("read"):
        raise ScopeMissing("It takes a key with scope read, publish or admin.")
