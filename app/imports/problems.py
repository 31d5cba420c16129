"""What REST says of a wish that cannot be granted: the codes of the engine's own refusals, with a status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from app.console import Refused
from app.problems import CursorInvalid, Problem

RETRY_SECONDS = 30


class RunUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "import.unknown_run"
    title = "There is no such run"


class RejectsUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "import.no_rejects"
    title = "There is no file of rejected lines here"


class RunInProgress(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.in_progress"
    title = "Something is already asked of this run"


class NotPlanned(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.not_planned"
    title = "This run is no plan"


class Guarded(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.guarded"
    title = "A guard refuses this plan"


class Outdated(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.outdated"
    title = "Another run was applied since this plan was made"


class SecondPersonRequired(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "import.second_person_required"
    title = "Another admin must accept the guard"


class PlanLost(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.plan_lost"
    title = "The plan is gone"


class NotApplied(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.not_applied"
    title = "This run changed nothing that could be undone"


class NotLatest(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.not_latest"
    title = "A later run of the same source was applied"


class TooOld(Problem):
    status = HTTPStatus.CONFLICT
    code = "import.too_old"
    title = "This run can no longer be undone"


class QueueFull(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "import.queue_full"
    title = "Too many imports wait"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": str(RETRY_SECONDS)}


class StorageFull(Problem):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "import.storage_full"
    title = "There is not enough room for this file"


BY_CODE: Mapping[str, type[Problem]] = {
    kind.code: kind
    for kind in (
        CursorInvalid,
        Guarded,
        NotApplied,
        NotLatest,
        NotPlanned,
        Outdated,
        RunUnknown,
        SecondPersonRequired,
        TooOld,
    )
}


def problem_of(refused: Refused) -> Problem:
    """The same refusal as an answer. Raises KeyError: a refusal that no request can meet."""
    return BY_CODE[refused.code](refused.message)
