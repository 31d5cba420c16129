"""OAuth 2 for programs: `POST /oauth2/token` (client credentials, private_key_jwt) and its metadata (RFC 8414)."""

from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import tokens
from app.access.assertion import NAMES, AssertionRefused, Proof, kid_of, prove
from app.access.caller import ANONYMOUS, SCOPES
from app.access.certificate_problems import CertificateFromElsewhere, CertificateInvalid, CertificateUnknown
from app.access.identify import owner_of
from app.access.oauth_problems import ClientRefused, GrantUnsupported, ScopeNotGranted, TokenRequestInvalid, refused
from app.access.rules import allow
from app.budgets.allowance import RateExceeded
from app.pools import Transaction
from app.problems import documented
from app.settings import Settings

router = APIRouter(tags=["access"])

GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
LARGEST_FORM, MOST_FIELDS = 16_384, 20
FORM = "application/x-www-form-urlencoded"

CLIENT = text("SELECT id, operator, scopes, algorithm, jwk FROM client_key WHERE kid = :kid AND revoked_at IS NULL")
# Of two that use one jti at once, the second waits here until the first has committed.
ONCE = text("""
INSERT INTO client_assertion (client, jti, expires_at) VALUES (:client, :jti, :until)
ON CONFLICT DO NOTHING RETURNING jti
""")
GIVE = text("""
WITH used AS (UPDATE client_key SET last_used_at = now() WHERE id = :client)
INSERT INTO access_token (digest, client, scopes, certificate, expires_at)
VALUES (:digest, :client, :scopes, :certificate, now() + :life)
""")


class Token(BaseModel):
    """A token and what it is good for (RFC 6749 §5.1)."""

    model_config = ConfigDict(extra="forbid")

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of RFC 6750
    expires_in: int = Field(description="Seconds", examples=[600])
    scope: str = Field(examples=["publish"])


REQUEST_BODY = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "required": ["grant_type", "client_assertion_type", "client_assertion"],
                "properties": {
                    "grant_type": {"type": "string", "enum": [GRANT]},
                    "client_assertion_type": {"type": "string", "enum": [ASSERTION_TYPE]},
                    "client_assertion": {"type": "string", "description": "JWT signed by a registered key"},
                    "client_id": {"type": "string", "description": "May be left out: it stands in the assertion"},
                    "scope": {
                        "type": "string",
                        "description": "Some of the client's; without: all",
                        "example": "publish",
                    },
                },
            }
        }
    },
}
REFUSALS = documented(
    TokenRequestInvalid,
    GrantUnsupported,
    ScopeNotGranted,
    ClientRefused,
    CertificateFromElsewhere,
    CertificateInvalid,
    CertificateUnknown,
    RateExceeded,
)


@router.post(TOKEN_PATH, responses={200: {"model": Token}, **REFUSALS}, openapi_extra={"requestBody": REQUEST_BODY})
async def give_token(request: Request, session: Transaction) -> JSONResponse:
    """A token for ten minutes, to a client that proves itself by its private key (RFC 7523).

    Got over a client certificate, it is good with this certificate alone (RFC 8705).
    """
    # Anybody may ask, as fast as anybody may look up.
    request.state.caller = ANONYMOUS
    allow(request)
    form = await _form(request)
    client = await _client(session, form["client_assertion"])
    proof = _proved(request.app.state.settings, client, form)
    scopes = _scopes(client, form.get("scope", ""))
    certificate = await _certificate(request, client)
    await _use_once(session, client, proof)
    token, digest = tokens.make()
    given = {"client": client["id"], "digest": digest, "scopes": scopes, "life": tokens.LIFE}
    await session.execute(GIVE, {**given, "certificate": certificate})
    body = Token(access_token=token, expires_in=int(tokens.LIFE.total_seconds()), scope=" ".join(scopes))
    return JSONResponse(body.model_dump(), headers={"Cache-Control": "no-store"})


class ServerMetadata(BaseModel):
    """What a client of OAuth 2 needs to know of this server (RFC 8414)."""

    model_config = ConfigDict(extra="forbid")

    issuer: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    grant_types_supported: list[str]
    response_types_supported: list[str]
    scopes_supported: list[str]
    tls_client_certificate_bound_access_tokens: bool
    service_documentation: str


@router.get("/.well-known/oauth-authorization-server")
async def read_metadata(request: Request) -> ServerMetadata:
    """How to get a token here."""
    issuer = request.app.state.settings.issuer
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=issuer + TOKEN_PATH,
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=list(NAMES),
        grant_types_supported=[GRANT],
        response_types_supported=[],
        scopes_supported=list(SCOPES),
        tls_client_certificate_bound_access_tokens=True,
        service_documentation=issuer + "/docs",
    )


async def _form(request: Request) -> dict[str, str]:
    """The fields of the request, each given once."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise refused(TokenRequestInvalid, f"Send the fields as {FORM}.")
    body = await request.body()
    if len(body) > LARGEST_FORM:
        raise refused(TokenRequestInvalid, f"The request is longer than {LARGEST_FORM} bytes.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise refused(TokenRequestInvalid, f"The body is not of the form {FORM}.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise refused(TokenRequestInvalid, "Give each field once.")
    if form.get("grant_type") != GRANT:
        raise refused(GrantUnsupported, f"grant_type must be {GRANT}.")
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
        raise refused(ClientRefused, f"Send client_assertion, and client_assertion_type {ASSERTION_TYPE}.")
    return form


async def _client(session: AsyncSession, assertion: str) -> dict[str, Any]:
    """The client whose key the assertion names; it has proved nothing yet."""
    try:
        kid = kid_of(assertion)
    except AssertionRefused as fault:
        raise refused(ClientRefused, str(fault)) from fault
    found = (await session.execute(CLIENT, {"kid": kid})).mappings().one_or_none()
    if found is None:
        raise refused(ClientRefused, "No client in force has the key that kid names.")
    return dict(found)


def _proved(settings: Settings, client: dict[str, Any], form: dict[str, str]) -> Proof:
    if form.get("client_id", client["id"]) != client["id"]:
        raise refused(ClientRefused, "client_id is not that of the assertion.")
    try:
        return prove(
            form["client_assertion"],
            client["jwk"],
            client["algorithm"],
            client["id"],
            settings.issuer,
            datetime.now(UTC),
        )
    except AssertionRefused as fault:
        raise refused(ClientRefused, str(fault)) from fault


def _scopes(client: dict[str, Any], asked: str) -> list[str]:
    """The scopes that were asked for, or all of the client's. Publishing and administering also read."""
    scopes = sorted(set(asked.split())) or sorted(client["scopes"])
    if not set(scopes) <= set(client["scopes"]):
        raise refused(ScopeNotGranted, f"This client has: {' '.join(sorted(client['scopes']))}.")
    return scopes


async def _certificate(request: Request, client: dict[str, Any]) -> bytes | None:
    """The fingerprint of the certificate to bind the token to, if one came with the request."""
    certificate = await request.app.state.certificates.of(request.scope)
    if certificate is None:
        return None
    if (await owner_of(request, certificate)).operator != client["operator"]:
        raise refused(ClientRefused, "The client and the client certificate are not of the same operator.")
    return bytes(certificate.fingerprint)


async def _use_once(session: AsyncSession, client: dict[str, Any], proof: Proof) -> None:
    parameters = {"client": client["id"], "jti": proof.jti, "until": proof.until}
    if (await session.execute(ONCE, parameters)).first() is None:
        raise refused(ClientRefused, "This assertion was used before: make one for each request.")
