"""Resources by any accepted id, as answers: one, or a batch of them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.answers import resource_tag, tagged, tell_shown, untagged
from app.budgets.charging import charge
from app.problems import Problem
from app.publication.reading import batch, by_ids


async def found_one(
    request: Request,
    kind: str,
    asked: str,
    candidates: Sequence[str],
    unknown: type[Problem],
    ambiguous: type[Problem],
) -> Response:
    """The document of the only resource that fits one of `candidates`; a key always means its own resource.

    Raises `unknown` when none fits, `ambiguous` when several do: the first of several is never chosen. Whom the answer
    shows, or names as a candidate, the caller is charged for: raises BudgetExhausted.
    """
    edition, documents = await by_ids(request.app.state.pool, kind, candidates)
    chosen = [document for document in documents if document.key == asked] or documents
    if not chosen:
        raise unknown("No published one has this id. Check it, or search by name.", edition=edition)
    await charge(request, kind, [(each.key, each.document) for each in chosen])
    if len(chosen) > 1:
        keys = [document.key for document in chosen]
        raise ambiguous("Several have this id: ask again with one of the candidates.", edition=edition, candidates=keys)
    one = chosen[0]
    tell_shown(request, 1)
    return tagged(request, one.document.encode(), resource_tag(one.sequence, one.tag), edition)


async def found_batch(
    request: Request, kind: str, asked: Sequence[str], candidates: Sequence[Sequence[str]]
) -> Response:
    """One result for each text of `asked`, in order (app.publication.reading.batch). Raises BudgetExhausted."""
    answer = await batch(request.app.state.pool, kind, asked, candidates)
    await charge(request, kind, answer.shown)
    tell_shown(request, len(answer.shown))
    return untagged(answer.body, answer.edition)
