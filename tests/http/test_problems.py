"""Errors: one form for all, a page for each code, a request id on every answer, nothing of the inside."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
import pytest
from fastapi import Body, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.documentation import PROBLEM_PAGES
from app.main import create_app
from app.pools import Transaction
from app.problems import MEDIA_TYPE, Problem, ProblemDocument, every_problem
from app.settings import Settings

Connection = psycopg.Connection[Any]
CODES = sorted(every_problem(), key=lambda kind: kind.code)


@pytest.fixture
def app(api_settings: Settings) -> FastAPI:
    """The API with routes of this test alone."""
    app = create_app(api_settings)

    @app.router.get("/test/crash")
    async def crash() -> None:
        raise RuntimeError("secret of the inside")

    @app.router.get("/test/slow")
    async def slow() -> None:
        async with app.state.pool.connection() as connection:
            await connection.execute("SET statement_timeout = 50")
            try:
                await connection.execute("SELECT pg_sleep(60)")
            finally:
                await connection.execute("RESET statement_timeout")

    @app.router.post("/test/role", status_code=201)
    async def role(session: Transaction, practitioner: Annotated[str, Body(embed=True)]) -> dict[str, bool]:
        await session.execute(
            text(
                "INSERT INTO practitioner_role (id, practitioner, profession, category)"
                " VALUES ('r', :practitioner, '10', 'C')"
            ),
            {"practitioner": practitioner},
        )
        return {"written": True}

    @app.router.get("/test/internal")
    async def internal(session: Transaction) -> None:
        # Not within a transaction: the same class of errors as a database that takes no writes, and a fault of ours.
        await session.execute(text("VACUUM directory"))

    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "route.unknown"),
        ("GET", "/v1/mailboxes/a@b.fr/x", 404, "mailbox.unknown"),
        ("DELETE", "/v1/edition", 405, "method.not_allowed"),
        ("GET", "/v1/me", 401, "credentials.missing"),
        ("GET", "/v1/mailboxes?limit=0", 422, "request.invalid"),
        ("GET", "/v1/mailboxes?cursor=x", 400, "cursor.invalid"),
        ("GET", "/test/crash", 500, "internal.error"),
        ("GET", "/test/internal", 500, "internal.error"),
        ("GET", "/test/slow", 503, "database.timeout"),
    ],
)
def test_every_error_is_a_problem_document(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path, headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == "mine-1"
    problem = ProblemDocument.model_validate_json(answer.content)
    assert (problem.code, problem.status, problem.request_id) == (code, status, "mine-1")
    assert client.get(problem.type).status_code == 200
    assert "secret" not in answer.text


def test_the_unexpected_tells_nothing_of_the_inside(client: TestClient) -> None:
    answer = client.get("/test/crash")
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "request_id", "errors"}
    assert "RuntimeError" not in answer.text


def test_a_commit_that_fails_is_a_conflict_not_a_success(client: TestClient, registry: Connection) -> None:
    answer = client.post("/test/role", json={"practitioner": "899900000060"})
    assert (answer.status_code, answer.json()["code"]) == (HTTPStatus.CONFLICT, "registry.conflict")
    assert "practitioner_role" in answer.json()["constraint"]
    assert registry.execute("SELECT count(*) FROM practitioner_role").fetchone() == (0,)


def test_a_commit_that_holds_is_a_success(client: TestClient, registry: Connection) -> None:
    registry.execute("INSERT INTO practitioner (national_id, register_state) VALUES ('899900000060', 'active')")
    registry.execute(
        "INSERT INTO practice (practitioner, profession, category, family) VALUES ('899900000060', '10', 'C', 'X')"
    )
    registry.commit()
    assert client.post("/test/role", json={"practitioner": "899900000060"}).status_code == HTTPStatus.CREATED
    assert registry.execute("SELECT count(*) FROM practitioner_role").fetchone() == (1,)


def test_a_write_that_waits_on_a_row_of_an_import_is_told_to_come_back(
    client: TestClient, registry: Connection
) -> None:
    registry.execute("INSERT INTO practitioner (national_id, register_state) VALUES ('899900000060', 'active')")
    registry.execute(
        "INSERT INTO practice (practitioner, profession, category, family) VALUES ('899900000060', '10', 'C', 'X')"
    )
    registry.commit()
    # As an import that is being applied: it holds the row until it ends.
    registry.execute("SELECT FROM practice WHERE practitioner = '899900000060' FOR UPDATE")
    answer = client.post("/test/role", json={"practitioner": "899900000060"})
    assert (answer.status_code, answer.json()["code"]) == (503, "write.busy")
    assert int(answer.headers["retry-after"]) > 0
    registry.commit()
    assert client.post("/test/role", json={"practitioner": "899900000060"}).status_code == HTTPStatus.CREATED


def test_an_answer_that_took_too_long_says_when_to_come_back(client: TestClient) -> None:
    assert int(client.get("/test/slow").headers["retry-after"]) > 0


def test_a_body_that_is_not_json_is_unreadable(client: TestClient) -> None:
    answer = client.post("/v1/mailboxes/lookup", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.unreadable")


def test_a_body_that_is_not_called_json_is_unreadable_and_says_why(client: TestClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/mailboxes/lookup", content=b'{"addresses": ["a@b.fr"]}', headers=form)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.unreadable")
    assert "Content-Type: application/json" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/edition", "/v1/mailboxes", "/v1/mailboxes/a@b.fr", "/docs"])
def test_head_answers_as_get_without_a_body(client: TestClient, path: str) -> None:
    whole, bare = client.get(path), client.head(path)
    own = {"date", "x-request-id"}
    assert bare.status_code == whole.status_code
    assert bare.content == b""
    assert {n: v for n, v in bare.headers.items() if n not in own} == {
        n: v for n, v in whole.headers.items() if n not in own
    }


def test_a_wrong_method_is_told_the_right_ones(client: TestClient) -> None:
    assert client.delete("/v1/edition").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/mailboxes/anne.exemple@ch-exemple.mssante.fr", "DELETE, GET, HEAD, PATCH, PUT"),
        # A path with a name of its own takes what its own routes take, whatever `{address}` would.
        ("/v1/mailboxes/batch", "POST"),
        ("/v1/imports", "GET, HEAD, POST"),
        ("/v1/me/webhooks/k3l5m7n2p4", "DELETE, GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_all_that_the_path_takes(client: TestClient, path: str, methods: str) -> None:
    answer = client.request("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("length_is_told", [True, False])
def test_a_body_that_is_too_large_is_refused(client: TestClient, *, length_is_told: bool) -> None:
    body = json.dumps({"addresses": ["a" * 1_100_000]}).encode()

    def pieces() -> Iterator[bytes]:
        yield body

    content = body if length_is_told else pieces()
    answer = client.post("/v1/mailboxes/lookup", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "a\x7f", "é"])
def test_an_unsafe_request_id_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/healthz", headers={b"X-Request-ID": given.encode("latin-1")})
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/healthz", "/v1/edition", "/docs", "/nowhere"])
def test_every_answer_has_a_request_id_of_its_own(client: TestClient, path: str) -> None:
    first, second = client.get(path), client.get(path)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.code)
def test_every_code_has_a_page_that_names_it(kind: type[Problem]) -> None:
    page = (PROBLEM_PAGES / f"{kind.slug()}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {kind.title}\n")
    assert f"Code `{kind.code}`, status {int(kind.status)}." in page


def test_every_page_has_a_code_and_every_code_is_used_once() -> None:
    assert {page.stem for page in PROBLEM_PAGES.iterdir()} == {kind.slug() for kind in CODES}
    assert len({kind.code for kind in CODES}) == len(CODES)


def test_a_database_that_is_away_is_said_on_every_route(settings: Settings) -> None:
    away = settings.model_copy(
        update={"database_url": "postgresql:///nowhere?host=/nonexistent", "database_pool": 1, "log_level": "error"}
    )
    with TestClient(create_app(away), raise_server_exceptions=False) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "service.not_ready")
        answer = client.get("/v1/mailboxes/a@b.fr")
        assert (answer.status_code, answer.json()["code"]) == (503, "database.unavailable")
        assert answer.headers["retry-after"]
