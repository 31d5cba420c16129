"""Resources by any accepted id, as answers: one, or a batch of them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.answers import resource, tell_shown, untagged
from app.budgets.charging import allowance_of, charge
from app.problems import Problem
from app.publication.reading import Row, batch, by_ids
from app.standby.sources import read


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
    edition, rows = await read(request, lambda source: by_ids(source.reads, kind, candidates), is_short=True)
    if len(rows) == 1:
        return await shown(request, kind, rows[0].key, rows[0])
    chosen = [row for row in rows if row.key == asked] or rows
    if not chosen:
        raise unknown("No published one has this id. Check it, or search by name.", edition=edition)
    if len(chosen) == 1:
        return await shown(request, kind, asked, chosen[0])
    await charge(request, kind, [(each.key, each.document().decode()) for each in chosen])
    raise ambiguous(
        "Several have this id: ask again with one of the candidates.",
        edition=edition,
        candidates=[row.key for row in chosen],
    )


async def shown(request: Request, kind: str, key: str, row: Row) -> Response:
    """The answer with one resource, charged and noted. Raises BudgetExhausted."""
    if allowance_of(request).budget is not None:
        await charge(request, kind, [(key, row.document().decode())])
    tell_shown(request, 1)
    return resource(request, row.document, row.tag, row.edition)


async def found_batch(
    request: Request, kind: str, asked: Sequence[str], candidates: Sequence[Sequence[str]]
) -> Response:
    """One result for each text of `asked`, in order (app.publication.reading.batch). Raises BudgetExhausted."""
    answer = await read(request, lambda source: batch(source.pool, kind, asked, candidates))
    if allowance_of(request).budget is not None:
        await charge(request, kind, [(key, document.decode()) for key, document in answer.shown])
    tell_shown(request, len(answer.shown))
    return untagged(answer.body, answer.edition)
