"""`/v1/me`: who am I?"""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.access.caller import Caller, Scope
from app.budgets.standing import BudgetLeft, budget_left
from app.problems import CredentialsInvalid, CredentialsMissing, documented

router = APIRouter(tags=["access"])

DOMAINS = """
SELECT DISTINCT d.name FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
WHERE c.operator = %s ORDER BY d.name
"""


class Me(BaseModel):
    """The caller: its key, what the key may do, and the operator and domains it acts for."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(description="Id of the key", examples=["k3l5m7n2p4"])
    name: str | None = Field(examples=["nightly copy"])
    operator: str | None = Field(examples=["1990000010"])
    scopes: list[Scope]
    domains: list[str] = Field(description="Domains of the operator, as the white list gives them")
    budget: BudgetLeft | None = Field(description="Null for a key without a budget: it may see everybody")


@router.get("/v1/me", responses=documented(CredentialsMissing, CredentialsInvalid))
async def read_me(request: Request, caller: Caller) -> Me:
    """Who am I?"""
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(DOMAINS, (caller.operator,))).fetchall()
    return Me(
        id=caller.id,
        name=caller.name,
        operator=caller.operator,
        scopes=sorted(caller.scopes),
        domains=[name for (name,) in rows],
        budget=await budget_left(request),
    )
