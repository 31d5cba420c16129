"""What an exception becomes at the edge of the API: the problem document that answers the request.

The features raise problems themselves; here those of the framework, of the database and of nobody become one.
"""

from collections.abc import Mapping
from http import HTTPStatus

import psycopg
import sqlalchemy.exc
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.allow import allowed
from app.faults import fault, told
from app.problems import (
    Conflict,
    DatabaseTimeout,
    DatabaseUnavailable,
    InvalidRequest,
    Problem,
    TooLarge,
    Unexpected,
    UnknownRoute,
    UnreadableRequest,
    WriteBusy,
    WrongMethod,
    render,
)

logger = structlog.get_logger(__name__)


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


def unexpected(request_id: str | None) -> Response:
    """The answer to an exception that nobody expected: it tells nothing of the inside."""
    return render(Unexpected("The error was noted. Give the request id when you report it."), request_id)


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
    methods = {"Allow": allowed(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else {}
    return _answer(request, kind(detail), {**(error.headers or {}), **methods})


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
    # A write in a session of ours that only reads looks the same: where it was made is noted.
    is_read_only = isinstance(cause, psycopg.errors.ReadOnlySqlTransaction)
    logger.error("database failed", error=told(error) if is_read_only else fault(cause))
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
