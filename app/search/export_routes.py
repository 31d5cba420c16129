"""`/v1/exports`: everything that a list or a search finds, in one stream and out of one edition."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.budgets.charging import BudgetExhausted
from app.mailboxes import queries as mailboxes
from app.organizations import queries as organizations
from app.practitioners import queries as practitioners
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CursorInvalid,
    DatabaseTimeout,
    InvalidRequest,
    Problem,
    ScopeMissing,
    documented,
)
from app.publication.listing import opened
from app.publication.names import folded
from app.search.export_forms import Csv, Form, Ndjson
from app.search.export_places import ExportTooMany
from app.search.export_queries import ExportQuery, MailboxExport, OrganizationExport, PractitionerExport
from app.search.export_reading import Search
from app.search.export_stream import Export
from app.search.export_writing import Wanted

router = APIRouter(tags=["exports"])

CSV = "text/csv"
TEXT = {"schema": {"type": "string"}}
EDITION = {"Directory-Edition": {"description": "The state that all of it shows", "schema": {"type": "integer"}}}
# Mailboxes are found by filters alone: nothing says how they match.
WITHOUT_MATCH = {"mailbox"}


def answers(*refusals: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of an export."""
    described = {"description": "The rows, then one line that says whether they are all"}
    found = {**described, "content": {Ndjson.media_type: TEXT, CSV: TEXT}, "headers": EDITION}
    closed = (CredentialsMissing, CredentialsInvalid, ScopeMissing)
    return {200: found, **documented(CursorInvalid, InvalidRequest, *closed, ExportTooMany, DatabaseTimeout, *refusals)}


@router.get("/v1/exports/practitioners", response_class=Response, responses=answers(BudgetExhausted))
async def export_practitioners(request: Request, query: Annotated[PractitionerExport, Query()]) -> Response:
    """All professionals that a search finds, as NDJSON or CSV. For keys with scope `read`.

    The last line says whether it is whole: `{"end": true, …}`, in CSV `#end`; else why not, and `next` goes on.
    """
    texts = {"name": query.name, "family": query.family, "given": query.given, "city": query.city}
    keys = await folded(request.app.state.pool, texts)
    return _exported(request, "practitioner", query, practitioners.of_query(query, keys))


@router.get("/v1/exports/organizations", response_class=Response, responses=answers())
async def export_organizations(request: Request, query: Annotated[OrganizationExport, Query()]) -> Response:
    """All structures that a search finds, as NDJSON or CSV. For keys with scope `read`.

    The last line says whether it is whole: `{"end": true, …}`, in CSV `#end`; else why not, and `next` goes on.
    """
    keys = await folded(request.app.state.pool, {"name": query.name, "city": query.city})
    return _exported(request, "organization", query, organizations.of_query(query, keys["name"], keys["city"]))


@router.get("/v1/exports/mailboxes", response_class=Response, responses=answers(BudgetExhausted))
async def export_mailboxes(request: Request, query: Annotated[MailboxExport, Query()]) -> Response:
    """All mailboxes that fit, as NDJSON or CSV. For keys with scope `read`.

    The last line says whether it is whole: `{"end": true, …}`, in CSV `#end`; else why not, and `next` goes on.
    """
    return _exported(request, "mailbox", query, mailboxes.of_query(query))


def _exported(request: Request, kind: str, query: ExportQuery, search: Search) -> Response:
    """The answer. Raises CursorInvalid; InvalidRequest for a repeated parameter."""
    wanted = Wanted(kind, query, search, opened(request, query))
    return Export(request, wanted, _form(request, kind, query))


def _form(request: Request, kind: str, query: ExportQuery) -> Form:
    accepted = "csv" if CSV in request.headers.get("accept", "") else "ndjson"
    return Csv(kind, has_match=kind not in WITHOUT_MATCH) if (query.format or accepted) == "csv" else Ndjson()
