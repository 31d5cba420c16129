"""Why a client certificate is refused."""

from http import HTTPStatus
from typing import ClassVar

from app.problems import RETRY_SECONDS, Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="annuaire"'}


class CertificateFromElsewhere(Problem):
    status = HTTPStatus.UNAUTHORIZED
    headers: ClassVar = CHALLENGE
    code = "certificate.not_from_proxy"
    title = "This certificate was not handed on by the proxy"


class CertificateInvalid(Problem):
    """`reason` says why, in one stable word."""

    status = HTTPStatus.UNAUTHORIZED
    headers: ClassVar = CHALLENGE
    code = "certificate.invalid"
    title = "This certificate is not accepted"


class CertificateUnknown(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "certificate.unknown"
    title = "The white list does not name this certificate"


class CertificateUnchecked(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "certificate.unchecked"
    title = "Certificates cannot be checked now"
    headers: ClassVar = {"Retry-After": str(RETRY_SECONDS)}
