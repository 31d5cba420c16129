"""`/v1/me`: who am I?"""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.access.caller import Caller, Identity, Scope
from app.access.certificate_problems import CertificateInvalid, CertificateUnknown
from app.budgets.standing import BudgetLeft, budget_left
from app.problems import CredentialsInvalid, CredentialsMissing, documented

router = APIRouter(tags=["access"])

# With a certificate, those of this certificate alone: an operator may hold several, each for domains of its own.
DOMAINS = """
SELECT DISTINCT d.name FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
WHERE c.operator = %s AND c.dn = coalesce(%s, c.dn) ORDER BY d.name
"""


class ClientCertificate(BaseModel):
    """The client certificate that came with the request."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Its name in the canonical spelling", examples=["C=fr,CN=bal.exemple,OU=1990000010"])
    expires_at: datetime


class Me(BaseModel):
    """The caller: by what it is known, what it may do, and the operator and domains it acts for."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(description="Id of the key, client or certificate", examples=["k3l5m7n2p4"])
    name: str | None = Field(examples=["nightly copy"])
    operator: str | None = Field(examples=["1990000010"])
    scopes: list[Scope]
    domains: list[str] = Field(description="Where it may publish, as the white list gives it")
    credential: str | None = Field(description="As the audit trail names it", examples=["key:k3l5m7n2p4"])
    expires_at: datetime | None = Field(description="When the key or token ends")
    certificate: ClientCertificate | None
    budget: BudgetLeft | None = Field(description="Null for a key without a budget: it may see everybody")


@router.get(
    "/v1/me", responses=documented(CredentialsMissing, CredentialsInvalid, CertificateInvalid, CertificateUnknown)
)
async def read_me(request: Request, caller: Caller) -> Me:
    """Who am I?"""
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(DOMAINS, (caller.operator, caller.certificate))).fetchall()
    return Me(
        id=caller.id,
        name=caller.name,
        operator=caller.operator,
        scopes=sorted(caller.scopes),
        domains=[name for (name,) in rows],
        credential=caller.credential,
        expires_at=caller.expires_at,
        certificate=_certificate_of(caller),
        budget=await budget_left(request),
    )


def _certificate_of(caller: Identity) -> ClientCertificate | None:
    if caller.certificate is None or caller.certificate_expires_at is None:
        return None
    return ClientCertificate(name=caller.certificate, expires_at=caller.certificate_expires_at)
