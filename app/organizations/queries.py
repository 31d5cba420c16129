"""The search for structures."""

from typing import Any

from psycopg.sql import SQL, Composable

from app.identifiers import organization_candidates
from app.organizations.schemas import OrganizationQuery
from app.publication.listing import Selection
from app.publication.names import after_prefix

ORDER = ("name_key", "key")
# One row for each name of a structure: it is shown once, at the first of its names that fits.
NAME_FITS = SQL("""s.name_key >= %(name)s AND s.name_key < %(after_name)s AND NOT EXISTS (
  SELECT FROM organization_search o WHERE o.key = s.key AND o.name_key >= %(name)s AND o.name_key < s.name_key)""")
NAME_MATCH = SQL("CASE WHEN s.name_key = %(name)s THEN 'exact' ELSE 'prefix' END")
NO_NAME = SQL("s.main")
EXACT = SQL("'exact'")


def of_query(query: OrganizationQuery, name: str | None, city: str | None) -> Selection:
    """The structures that fit, in order of name. `name` and `city` are those of the query, folded by `name_key`."""
    where: list[Composable] = [NO_NAME if name is None else NAME_FITS]
    parameters: dict[str, Any] = {} if name is None else {"name": name, "after_name": after_prefix(name)}
    if city is not None:
        where.append(SQL("s.city_key = %(city)s"))
        parameters["city"] = city
    if query.postal_code is not None:
        where.append(SQL("s.postal_code = %(postal_code)s"))
        parameters["postal_code"] = query.postal_code.strip()
    if query.department is not None:
        where.append(SQL("s.department = %(department)s"))
        parameters["department"] = query.department.strip().upper()
    if query.type is not None:
        where.append(SQL("s.type = %(type)s"))
        parameters["type"] = query.type.strip()
    if query.parent is not None:
        where.append(SQL("s.parent = ANY (%(parent)s)"))
        parameters["parent"] = list(organization_candidates(query.parent))
    match = EXACT if name is None else NAME_MATCH
    return Selection("organization", "organization_search", ORDER, tuple(where), parameters, match)
