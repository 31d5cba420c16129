"""Why no token is given, in the words of RFC 6749 §5.2: `error` and `error_description` stand beside ours."""

from http import HTTPStatus
from typing import ClassVar

from app.problems import Problem


class TokenRequestInvalid(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "oauth.invalid_request"
    title = "This is no request for a token"


class GrantUnsupported(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "oauth.unsupported_grant_type"
    title = "Tokens are given for client credentials alone"


class ScopeNotGranted(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "oauth.invalid_scope"
    title = "The client does not have this scope"


class ClientRefused(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "oauth.invalid_client"
    title = "The client has not proved itself"
    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="annuaire"'}


def refused(kind: type[Problem], detail: str) -> Problem:
    """The problem with the two members that clients of OAuth 2 read."""
    return kind(detail, error=kind.code.removeprefix("oauth."), error_description=detail)
