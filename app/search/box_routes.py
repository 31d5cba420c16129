"""`/v1/search`: one box for people, structures, addresses and numbers."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.answers import body_tag, tagged, tell_shown
from app.budgets.breadth import SearchTooBroad, require_narrow
from app.budgets.charging import BudgetExhausted, affordable
from app.paging import require_single_values, with_member
from app.problems import InvalidRequest, documented
from app.publication.listing import Found, total_of
from app.publication.moment import at_one_moment
from app.publication.names import folded
from app.search import box
from app.search.box_reading import Means, meant
from app.search.box_schemas import Box, BoxQuery
from app.standby.sources import Source, read

router = APIRouter(tags=["search"])


class Groups(NamedTuple):
    """What was found, by kind, at one edition."""

    edition: int
    found: Mapping[str, Found]


GROUPS = {"practitioner": "practitioners", "organization": "organizations", "mailbox": "mailboxes"}


@router.get(
    "/v1/search", responses={200: {"model": Box}, **documented(InvalidRequest, SearchTooBroad, BudgetExhausted)}
)
async def search(request: Request, query: Annotated[BoxQuery, Query()]) -> Response:
    """What fits a text: people, structures, addresses. What the text is, is seen from its form."""
    require_single_values(request)
    means = meant(query.q)
    edition, found = await read(request, lambda source: _look(request, query, means, source))
    shown = {kind: await _shown(request, kind, each, query.limit) for kind, each in found.items()}
    tell_shown(request, sum(shown.values()))
    groups = [_group(kind, query, means, each, shown[kind]) for kind, each in found.items()]
    body = f'{{"meant":"{means.value}",{",".join(groups)},"edition":{edition}}}'.encode()
    return tagged(request, body, body_tag(body), edition)


async def _look(request: Request, query: BoxQuery, means: Means, source: Source) -> Groups:
    async with at_one_moment(source.pool) as moment:
        name = (await folded(moment, {"q": query.q}))["q"] if means is Means.NAME else None
        require_narrow(request, {"q": query.q if name is None else name}, ())
        try:
            found = await box.look(moment, query.q, means, name, query.limit)
        except InvalidRequest as refused:
            raise _of_the_box(refused) from None
    return Groups(max(each.edition for each in found.values()), found)


def _of_the_box(refused: InvalidRequest) -> InvalidRequest:
    """What a search for names refuses, said of the parameter that this caller gave."""
    faults = [{**fault, "pointer": "/query/q"} for fault in refused.members["errors"]]
    return InvalidRequest(refused.detail, errors=faults)


async def _shown(request: Request, kind: str, found: Found, limit: int) -> int:
    """How many items of a group the caller is shown, and charged for. Raises BudgetExhausted."""
    return await affordable(request, kind, [(row[-1], row[0]) for row in found.rows[:limit]])


def _group(kind: str, query: BoxQuery, means: Means, found: Found, shown: int) -> str:
    items = [with_member(document, "match", match) for document, match, *_ in found.rows[:shown]]
    rest: Mapping[str, Any] = {
        "total": total_of(found).model_dump(),
        "all": box.link(kind, query.q, means, found),
        **({"cut": BudgetExhausted.code} if shown < len(found.rows[: query.limit]) else {}),
    }
    return f'"{GROUPS[kind]}":{{"items":[{",".join(items)}],{json.dumps(rest, separators=(",", ":"))[1:]}'
