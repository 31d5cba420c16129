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

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2


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
