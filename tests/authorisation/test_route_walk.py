"""Every route, method and spelling of a path, asked by every kind of credential: deny by default.

The oracle is the list of routes below and the kinds of credentials, not a line of app/access/rules.py.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi.routing import APIRoute

from app.access.rules import RULES
from tests.authorisation.conftest import Matrix
from tests.authorisation.credentials import KINDS, NOBODYS, Sent
from tests.harness.asgi import Answer, ask

# Whoever is anybody may ask these. All else is refused, or answers look-ups.
OPEN = {
    *("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/{asset}", "/problems/{slug}", "/v1/edition"),
    *("/.well-known/oauth-authorization-server", "/.well-known/annuaire-keys.json", "/oauth2/token"),
}
LOOK_UP = {
    *("/v1/digest", "/v1/search", "/v1/practitioners", "/v1/practitioners/lookup", "/v1/practitioners/{id}"),
    *("/v1/organizations", "/v1/organizations/lookup", "/v1/organizations/{id}", "/v1/mailboxes", "/v1/resolve"),
    *("/v1/mailboxes/lookup", "/v1/mailboxes/check", "GET /v1/mailboxes/{address}", "/v1/trust/domains"),
    *("/v1/trust/operators", "/v1/trust/operators/{id}", "/v1/trust/whitelist.xml", "/v1/trust/whitelist.jws"),
}
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "MOVE", "QUERY"),
    *("get", "Get", "BREW", "G T"),
)
# By these, other frameworks let one method pass for another, or one path for another.
OVERRIDES = tuple(
    (name, value)
    for name, value in (
        *((f"X-{name}", "DELETE") for name in ("HTTP-Method-Override", "HTTP-Method", "Method-Override")),
        ("X-Original-URL", "/v1/audit"),
        ("X-Rewrite-URL", "/v1/audit"),
        ("X-Forwarded-Prefix", "/v1"),
    )
)
CROSS_ORIGIN = (("Origin", "https://elsewhere.example"), ("Access-Control-Request-Method", "PUT"))
# Of the software behind it: none of our answers needs a word of these.
INSIDE = re.compile(
    r"Traceback|File \"|uvicorn|starlette|fastapi|pydantic|psycopg|postgres|Python/|\b0x[0-9a-f]{6}|site-packages",
    re.IGNORECASE,
)


def routes(matrix: Matrix) -> dict[str, set[str]]:
    """The path templates of the app and the methods of each."""
    found: dict[str, set[str]] = {}
    for route in matrix.served.apps[0].routes:
        assert isinstance(route, APIRoute)
        found.setdefault(route.path_format, set()).update(route.methods or ())
    return found


def concrete(template: str) -> str:
    return re.sub(r"\{\w+\}", "0", template)


def may_ask(method: str, path: str) -> bool:
    return path in OPEN | LOOK_UP or f"{method} {path}" in LOOK_UP


def credentials(matrix: Matrix) -> dict[str, Sent]:
    """One of every kind, and none. Where keys publish, test_matrix.py asks."""
    own = {**matrix.credentials[None], **matrix.credentials["owner"]}
    return {name: sent for name, sent in own.items() if not KINDS.get(name, NOBODYS["none"]).key_publishes}


def asked(matrix: Matrix, requests: Sequence[tuple[str, str, Sent, tuple[tuple[str, str], ...]]]) -> list[Answer]:
    async def work() -> list[Answer]:
        return [
            await ask(matrix.served.apps[0], method, path, (*sent.headers, *more), b"", sent.peer)
            for method, path, sent, more in requests
        ]

    return matrix.served.run(work())


NOBODY = Sent(())


def test_every_route_refuses_whom_it_does_not_name(matrix: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    """Each route by each credential: who is refused everywhere, and who is nobody, gets nothing that is not open."""
    kinds = {**NOBODYS, **KINDS}
    cells = [
        (name, method, template, sent)
        for template, methods in routes(matrix).items()
        for method in sorted(methods)
        for name, sent in credentials(matrix).items()
    ]
    answers = asked(matrix, [(method, concrete(path), sent, ()) for _, method, path, sent in cells])
    for (name, method, path, _), answer in zip(cells, answers, strict=True):
        refused, seen = kinds[name].refused, (answer.status, answer.code)
        if path in OPEN:
            assert answer.status not in {401, 403} or path == "/oauth2/token", (name, method, path)
        elif refused is None:
            assert answer.status != 401, (name, method, path, seen)
        elif not (kinds[name].is_anonymous and may_ask(method, path)):
            assert seen == refused, (name, method, path, seen)
    statuses = Counter(answer.status for answer in answers)
    with capsys.disabled():
        print(f"\nroute walk: {len(cells)} cells, {dict(sorted(statuses.items()))}")  # noqa: T201 - CI shows it
    assert set(routes(matrix)) == set(RULES)


def test_no_method_and_no_header_for_one_opens_a_route(matrix: Matrix) -> None:
    """An unknown method is refused as such, HEAD as GET is, and no header makes one method pass for another."""
    requests = [
        (method, concrete(template), NOBODY, more)
        for template in routes(matrix)
        for method in METHODS
        for more in ((), OVERRIDES)
    ]
    answers = asked(matrix, requests)
    for (plain, overridden), request in zip(zip(answers[::2], answers[1::2], strict=True), requests[::2], strict=True):
        method = request[0]
        assert plain.status == overridden.status, request
        if method not in {*("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}:
            assert (plain.status, plain.code) == (405, "method.not_allowed"), request
            assert method not in (plain.header("allow") or "").split(", ")
    by_request = {request[:2]: answer.status for request, answer in zip(requests[::2], answers[::2], strict=True)}
    for template in routes(matrix):
        assert by_request["HEAD", concrete(template)] == by_request["GET", concrete(template)], template


def spellings(path: str) -> list[str]:
    """Other ways to write a path, none of which may lead round its rule."""
    head, _, last = path.rpartition("/")
    return [
        *(f"{path}/", f"/{path}", f"{path}//", f"{head}/./{last}", f"{head}/x/../{last}", f"{head}%2F{last}"),
        *(path.upper(), path.title(), f"{path}%00", f"{path};x=1", f"{path}%20", f"{head}/%2e/{last}", f"{path}.json"),
        *(path.replace("/v1", "/V1", 1), path.replace("/v1", "/v1%2F", 1), f"{path}%3Fadmin=1"),
    ]


def test_no_other_spelling_of_a_path_leads_round_its_rule(matrix: Matrix) -> None:
    closed = [(path, method) for path, those in routes(matrix).items() for method in those if not may_ask(method, path)]
    requests = [
        (method, spelled, NOBODY, ())
        for path, method in closed
        for spelled in spellings(concrete(path))
        if spelled != path
    ]
    for request, answer in zip(requests, asked(matrix, requests), strict=True):
        is_look_up = request[1].startswith("/v1/mailboxes/") and request[0] == "GET"
        allowed = {401, 404, 405} | ({422} if is_look_up else set())
        assert answer.status in allowed, (request, answer.status, answer.body[:200])


def test_no_other_origin_is_let_in(matrix: Matrix) -> None:
    """CORS is closed: no answer says that a page from elsewhere may read it, to a preflight neither."""
    requests: list[Any] = [
        (method, concrete(path), sent, CROSS_ORIGIN)
        for path, methods in routes(matrix).items()
        for method in ("OPTIONS", *sorted(methods))
        for sent in (NOBODY, matrix.credentials["owner"]["read key"])
    ]
    for request, answer in zip(requests, asked(matrix, requests), strict=True):
        told = [name for name, _ in answer.headers if name.startswith("access-control-")]
        assert told == [], request


def test_no_answer_is_kept_by_a_shared_cache_that_is_for_one_caller(matrix: Matrix) -> None:
    """What a credential opened is `private` or `no-store`; what anybody may read must be asked for again."""
    key = {name: matrix.credentials["owner"][f"{name} key"] for name in ("publish", "admin", "audit")}
    requests: list[Any] = [
        ("GET", concrete(path), sent, ())
        for path, methods in routes(matrix).items()
        if "GET" in methods
        for sent in (NOBODY, *key.values())
    ]
    for request, answer in zip(requests, asked(matrix, requests), strict=True):
        said = {each.strip() for each in (answer.header("cache-control") or "").split(",")}
        assert "public" not in said, request
        if answer.status >= 400 or (answer.status == 200 and "/me" in request[1]):
            assert said & {"private", "no-store"}, (request[:2], said)
        elif answer.status == 200:
            assert said & {"no-cache", "no-store", "private"}, (request[:2], said)


def test_no_answer_tells_of_the_software_behind_it(matrix: Matrix) -> None:
    """No stack trace, no version, no name of a library, whatever is asked."""
    bodies = (b"", b"{", b'{"ids": 1}', b"\xff\xfe", b'{"ids": ["' + b"a" * 400 + b'"]}')

    async def work() -> list[tuple[str, Answer]]:
        found = []
        for path, methods in routes(matrix).items():
            if path.startswith(("/docs", "/openapi.json", "/metrics", "/problems")):
                continue
            for method in methods:
                for sent in (NOBODY, matrix.credentials["owner"]["admin key"]):
                    for body in bodies if method in {"POST", "PUT", "PATCH"} else (b"",):
                        headers = (*sent.headers, ("Content-Type", "application/json"), ("Range", "bytes=9-1"))
                        answer = await ask(matrix.served.apps[0], method, f"{concrete(path)}?x=%ff", headers, body)
                        found.append((f"{method} {path}", answer))
        return found

    for where, answer in matrix.served.run(work()):
        assert answer.status != 500, where
        if answer.status >= 400:
            assert not INSIDE.search(answer.body.decode("utf-8", "replace")), (where, answer.body)
        assert answer.header("server") is None
        assert answer.header("x-powered-by") is None
