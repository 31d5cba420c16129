"""One resource by any accepted id, as an answer."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.answers import resource_tag, tagged, tell_shown
from app.problems import Problem
from app.publication.reading import by_ids


async def found_one(
    request: Request,
    kind: str,
    asked: str,
    candidates: Sequence[str],
    unknown: type[Problem],
    ambiguous: type[Problem],
) -> Response:
    """The document of the only resource that fits one of `candidates`; a key always means its own resource.

    Raises `unknown` when none fits, `ambiguous` when several do: the first of several is never chosen.
    """
    edition, documents = await by_ids(request.app.state.pool, kind, candidates)
    chosen = [document for document in documents if document.key == asked] or documents
    if not chosen:
        raise unknown("No published one has this id. Check it, or search by name.", edition=edition)
    if len(chosen) > 1:
        keys = [document.key for document in chosen]
        raise ambiguous("Several have this id: ask again with one of the candidates.", edition=edition, candidates=keys)
    one = chosen[0]
    tell_shown(request, 1)
    return tagged(request, one.document.encode(), resource_tag(one.sequence, one.tag), edition)
