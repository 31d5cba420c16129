"""How a caller stands with its budget, for those who ask (`GET /v1/me`)."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from app.budgets.allowance import Budgets
from app.budgets.charging import allowance_of


class BudgetLeft(BaseModel):
    """How many persons the caller may newly see in a day, and how many of them are left."""

    model_config = ConfigDict(extra="forbid")

    persons: int = Field(description="In a day; those already seen that day are free", examples=[2000])
    left: int = Field(examples=[1960])
    resets_in: int = Field(description="Seconds until the next day begins, at midnight in France", examples=[36000])


async def budget_left(request: Request) -> BudgetLeft | None:
    """The budget of the caller; None for one that is not bound."""
    allowance = allowance_of(request)
    if allowance.budget is None:
        return None
    budgets: Budgets = request.app.state.budgets
    standing = allowance.standing = await budgets.ledger.standing(allowance.caller)
    left = max(allowance.budget - standing.seen, 0)
    return BudgetLeft(persons=allowance.budget, left=left, resets_in=standing.ends)
