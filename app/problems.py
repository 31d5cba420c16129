"""Errors as RFC 9457 problem documents: small classes that carry their status, rendered in one place.

    Problem
    ├── InvalidRequest 422 · UnreadableRequest 400 · UnknownRoute 404 · WrongMethod 405 · TooLarge 413
    ├── CredentialsMissing, CredentialsInvalid 401 · ScopeMissing, OperatorMissing, CredentialsTooWeak 403
    ├── CursorInvalid 400
    ├── Conflict 409
    ├── DatabaseUnavailable, DatabaseTimeout, WriteBusy, NotReady 503 · ServerBusy 503 (app.admission)
    ├── Unexpected 500
    └── those of the features (MailboxUnknown, OrganizationAmbiguous, FeedCursorExpired, …)

`code` is stable and dotted; `type` is the page `/problems/<slug>`, whose text stands in `openapi/problems/<slug>.md`.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import psycopg
import sqlalchemy.exc
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout, TooManyRequests
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.allow import allowed
from app.faults import fault

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

logger = structlog.get_logger(__name__)


class Problem(Exception):
    """Something that ends a request.

    `members` go into the document beside the standard ones; `edition` of the directory it was found in goes into the
    header Directory-Edition, `retry_after` (seconds) into Retry-After.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal.error"
    title: ClassVar[str] = "Something went wrong here"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, detail: str, *, edition: int | None = None, retry_after: int | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.edition = edition
        self.retry_after = retry_after
        self.members = members

    @classmethod
    def slug(cls) -> str:
        return cls.code.replace(".", "-").replace("_", "-")

    @classmethod
    def type(cls) -> str:
        return f"/problems/{cls.slug()}"


class InvalidRequest(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "request.invalid"
    title = "The request has parts that cannot be used"


class UnreadableRequest(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "request.unreadable"
    title = "The request cannot be read"


class UnknownRoute(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "route.unknown"
    title = "There is nothing at this path"


class WrongMethod(Problem):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method.not_allowed"
    title = "This path does not take this method"


class TooLarge(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "request.too_large"
    title = "The request is too large"


class CredentialsMissing(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "credentials.missing"
    title = "This needs a key"
    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="annuaire"'}


class CredentialsInvalid(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "credentials.invalid"
    title = "This key is not accepted"
    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="annuaire", error="invalid_token"'}


class ScopeMissing(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "scope.missing"
    title = "This key may not do that"


class OperatorMissing(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "operator.missing"
    title = "This credential acts for no operator"


class CredentialsTooWeak(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "credentials.too_weak"
    title = "Publishing takes a stronger credential"


class CursorInvalid(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "cursor.invalid"
    title = "This cursor was not given out for this request"


class Conflict(Problem):
    status = HTTPStatus.CONFLICT
    code = "registry.conflict"
    title = "The registry holds something that does not go with this"


class DatabaseUnavailable(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database.unavailable"
    title = "The database cannot be reached"
    headers: ClassVar = {"Retry-After": str(RETRY_SECONDS)}


class DatabaseTimeout(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database.timeout"
    title = "The answer took too long"
    headers: ClassVar = {"Retry-After": str(RETRY_SECONDS)}


class WriteBusy(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "write.busy"
    title = "Something else is writing there"
    headers: ClassVar = {"Retry-After": str(RETRY_SECONDS)}


class NotReady(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "service.not_ready"
    title = "This node is not ready"
    headers: ClassVar = {"Retry-After": str(RETRY_SECONDS)}


class Unexpected(Problem):
    title = "Something went wrong here"


class ErrorDocument(BaseModel):
    """One part of a request that was refused."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(description="Where it stands", examples=["/query/limit"])
    code: str = Field(examples=["less_than_equal"])
    detail: str


class ProblemDocument(BaseModel):
    """An error, after RFC 9457. Some codes add members of their own; their page says which."""

    type: str = Field(description="Page that explains the code", examples=["/problems/mailbox-unknown"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable word for programs", examples=["mailbox.unknown"])
    request_id: str | None = Field(description="Also in the header X-Request-ID")
    errors: list[ErrorDocument] = Field(description="For request.invalid: every part that was refused")


def every_problem(root: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every class that may be rendered, those of imported features included."""
    for kind in root.__subclasses__():
        yield kind
        yield from every_problem(kind)


def documented(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may raise these."""
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in kinds:
        by_status.setdefault(int(kind.status), []).append(kind)
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {
            "description": "; ".join(f"{kind.title} (`{kind.code}`)" for kind in those),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, those in by_status.items()
    }


def render(problem: Problem, request_id: str | None, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says a problem."""
    document = {
        "type": problem.type(),
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        "errors": [],
        **problem.members,
    }
    told = {"Directory-Edition": problem.edition, "Retry-After": problem.retry_after}
    return Response(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        status_code=problem.status,
        headers={
            **problem.headers,
            **{name: str(value) for name, value in told.items() if value is not None},
            **(headers or {}),
            "Cache-Control": "no-store",
        },
        media_type=MEDIA_TYPE,
    )


def unexpected(request_id: str | None) -> Response:
    """The answer to an exception that nobody expected: it tells nothing of the inside."""
    return render(Unexpected("The error was noted. Give the request id when you report it."), request_id)


def install(app: FastAPI) -> None:
    """Render every error of `app` as a problem document. (The unexpected: see app.logs.RequestLog.)"""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(HTTPException, _of_http_exception)
    app.add_exception_handler(RequestValidationError, _of_validation)
    for kind in (psycopg.OperationalError, PoolTimeout, TooManyRequests, sqlalchemy.exc.OperationalError):
        app.add_exception_handler(kind, _of_database)
    app.add_exception_handler(psycopg.errors.ReadOnlySqlTransaction, _of_database)
    app.add_exception_handler(sqlalchemy.exc.InternalError, _of_internal)
    app.add_exception_handler(sqlalchemy.exc.TimeoutError, _of_database)
    app.add_exception_handler(sqlalchemy.exc.IntegrityError, _of_constraint)


def _answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return render(problem, request.scope.get("request_id"), headers)


async def _of_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette chooses the handler by class
    return _answer(request, error)


async def _of_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette chooses the handler by class
    kinds: dict[int, tuple[type[Problem], str]] = {
        404: (UnknownRoute, "See /docs for the paths that exist."),
        405: (WrongMethod, "See the header Allow, or /docs."),
        413: (TooLarge, "Send less in one request; see /docs for the limits."),
    }
    kind, detail = kinds.get(error.status_code, (UnreadableRequest, str(error.detail)))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected(request.scope.get("request_id"))
    told = {"Allow": allowed(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else {}
    return _answer(request, kind(detail), {**(error.headers or {}), **told})


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette chooses the handler by class
    faults = [
        {"pointer": "/" + "/".join(map(str, fault["loc"])), "code": fault["type"], "detail": fault["msg"]}
        for fault in error.errors()
    ]
    if any(fault["code"] == "json_invalid" for fault in faults):
        return _answer(request, UnreadableRequest("The body is not JSON.", errors=faults))
    if error.body is not None and "json" not in request.headers.get("content-type", "").lower():
        return _answer(request, UnreadableRequest("Send the body with `Content-Type: application/json`."))
    named = ", ".join(fault["pointer"] for fault in faults)
    return _answer(request, InvalidRequest(f"Correct or remove: {named}.", errors=faults))


async def _of_database(request: Request, error: Exception) -> Response:
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        logger.info("write waited too long for a lock")
        return _answer(request, WriteBusy("An import or another write holds what this one needs. Nothing was changed."))
    logger.error("database failed", error=fault(cause))
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return _answer(request, DatabaseTimeout("Ask for less at once (more filters, a smaller limit), or try again."))
    return _answer(request, DatabaseUnavailable("Try again in a moment."))


async def _of_internal(request: Request, error: Exception) -> Response:
    """A database that takes no writes for now is no fault of ours; what else SQLAlchemy calls so is one."""
    if isinstance(getattr(error, "orig", None), psycopg.errors.ReadOnlySqlTransaction):
        return await _of_database(request, error)
    raise error


async def _of_constraint(request: Request, error: Exception) -> Response:
    assert isinstance(error, sqlalchemy.exc.IntegrityError)  # noqa: S101 - Starlette chooses the handler by class
    diagnosis = getattr(error.orig, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    logger.warning("constraint refused", constraint=constraint)
    return _answer(request, Conflict("Nothing was changed.", constraint=constraint))
