"""What an export may be asked: the filters of the list, how many at most, and in which form."""

from typing import Literal

from pydantic import Field

from app.mailboxes.schemas import MailboxQuery
from app.organizations.schemas import OrganizationQuery
from app.paging import Cursor, ListQuery
from app.practitioners.schemas import PractitionerQuery

# More than there are professionals in France.
EVERYTHING = 10_000_000


class ExportQuery(ListQuery):
    """What every export takes beside the filters of its list."""

    limit: int = Field(EVERYTHING, ge=1, le=EVERYTHING, description="The most rows wanted; all of them when left out")
    cursor: Cursor | None = Field(None, description="`next` of an export that was cut; with the same filters")
    format: Literal["csv", "ndjson"] | None = Field(
        None, description="Left out: CSV where `Accept` names `text/csv`, else NDJSON"
    )

    def filters(self) -> str:
        """A cursor goes on in either form."""
        return ListQuery.filters(self.model_copy(update={"format": None}))


class PractitionerExport(ExportQuery, PractitionerQuery):
    """Filters of the export of professionals: those of the search."""


class OrganizationExport(ExportQuery, OrganizationQuery):
    """Filters of the export of structures: those of the search."""


class MailboxExport(ExportQuery, MailboxQuery):
    """Filters of the export of mailboxes: those of the list."""
