"""The one box: what fits a text, by kind, read at one moment."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from app.organizations import queries as organizations
from app.organizations.schemas import OrganizationQuery
from app.practitioners import queries as practitioners
from app.practitioners.schemas import PractitionerQuery
from app.publication.listing import Found
from app.publication.reading import Pool, by_ids_at
from app.search.box_reading import Means, address_of, organization_ids, practitioner_ids

# What a group lists in full, by what the text is.
LISTS = {"practitioner": "/v1/practitioners", "organization": "/v1/organizations", "mailbox": "/v1/mailboxes"}
NOBODY = Found(0, 0, ())


async def look(moment: Pool, text: str, means: Means, name: str | None, limit: int) -> Mapping[str, Found]:
    """What fits, for each kind. `name` is the text as names are compared, where it is taken for one."""
    match means:
        case Means.ADDRESS:
            address = address_of(text)
            mailbox = await _by_ids(moment, "mailbox", [] if address is None else [address])
            return {"practitioner": NOBODY, "organization": NOBODY, "mailbox": mailbox}
        case Means.ID:
            return {
                "practitioner": await _by_ids(moment, "practitioner", practitioner_ids(text)),
                "organization": await _by_ids(moment, "organization", organization_ids(text)),
                "mailbox": NOBODY,
            }
        case Means.NAME:
            keys = {"name": name, "family": None, "given": None, "city": None}
            return {
                "practitioner": await practitioners.of_query(PractitionerQuery(), keys).page(moment, None, limit),
                "organization": await organizations.of_query(OrganizationQuery(), name, None).page(moment, None, limit),
                "mailbox": NOBODY,
            }


def link(kind: str, text: str, means: Means, found: Found) -> str | None:
    """The request that answers with all of a group."""
    if means is Means.NAME:
        return None if kind == "mailbox" else f"{LISTS[kind]}?{urlencode({'name': text})}"
    return f"{LISTS[kind]}/{quote(found.rows[0][-1], safe='')}" if len(found.rows) == 1 else None


async def _by_ids(moment: Pool, kind: str, ids: Sequence[str]) -> Found:
    """The resources that have one of these ids, in order of their keys."""
    edition, documents = await by_ids_at(moment, kind, ids)
    return Found(edition, len(documents), [(document, "exact", key) for key, document in documents])
