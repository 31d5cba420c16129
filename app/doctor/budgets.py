"""Whether many callers have seen all they may: either somebody copies the directory, or the budget is too small."""

from app.doctor.finding import Looks, Seen, measured, note, well, wrong
from app.metrics.budgets import WATCHED
from app.settings import Settings

# So many addresses at their limit on one day are no accident.
STORM = 50
REMEDY = (
    "find them in the table consultation (docs/budgets.md): give a key to whom you know, shut others out in the front"
)


def _budgets(settings: Settings) -> Seen:
    found = measured(settings, WATCHED) or {}
    exhausted = sum(kind["exhausted"] for kind in found.values())
    said = (
        f"{exhausted} of {sum(kind['callers'] for kind in found.values())} bound callers have seen all they may today"
    )
    if exhausted >= STORM:
        return wrong(said, REMEDY)
    return note(said, REMEDY) if exhausted else well(said)


LOOKS: Looks = {"budgets": _budgets}
