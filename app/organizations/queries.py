"""The search for structures."""

import re
from typing import Any

from psycopg.sql import SQL

from app.identifiers import organization_candidates
from app.organizations.by_name import ByName
from app.organizations.schemas import OrganizationQuery
from app.organizations.words import plain_words
from app.publication.listing import Selection

ORDER = ("name_key", "key")
# One row for each name of a structure: without a name asked it is shown once, at its main name.
NO_NAME = SQL("s.main")
EXACT = SQL("'exact'")
FILTERS = {
    "city": SQL("s.city_key = %(city)s"),
    "postal_code": SQL("s.postal_code = %(postal_code)s"),
    "department": SQL("s.department = %(department)s"),
    "type": SQL("s.type = %(type)s"),
    "parent": SQL("s.parent = ANY (%(parent)s)"),
}
# Postal codes whose folded form is themselves: labels hold the folded form.
PLAIN = re.compile(r"[0-9a-z]+")


def of_query(query: OrganizationQuery, name: str | None, city: str | None) -> Selection | ByName:
    """The structures that fit. `name` and `city` are those of the query, folded by `name_key`."""
    parameters = _parameters(query, city)
    filters = tuple(FILTERS[each] for each in parameters)
    if name is None:
        return Selection("organization", "organization_search", ORDER, (NO_NAME, *filters), parameters, EXACT)
    return ByName(name, filters, parameters, _rare(parameters))


def _parameters(query: OrganizationQuery, city: str | None) -> dict[str, Any]:
    """The filters that were given, by the name they have in FILTERS."""
    given = {
        "city": city,
        "postal_code": query.postal_code and query.postal_code.strip(),
        "department": query.department and query.department.strip().upper(),
        "type": query.type and query.type.strip(),
        "parent": query.parent and list(organization_candidates(query.parent)),
    }
    return {name: value for name, value in given.items() if value is not None}


def _rare(filters: dict[str, Any]) -> tuple[str, ...]:
    """Words of town and postal code that every structure which passes the filters holds."""
    postal_code = filters.get("postal_code", "")
    return (*plain_words(filters.get("city", "")), *([postal_code] if PLAIN.fullmatch(postal_code) else []))
