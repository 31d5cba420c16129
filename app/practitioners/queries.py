"""The search for professionals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg.sql import SQL, Composable

from app.identifiers import organization_candidates
from app.practitioners.by_name import ByName
from app.practitioners.patterns import in_all_spellings
from app.practitioners.readings import Reading, readings
from app.practitioners.schemas import PractitionerQuery
from app.publication.listing import Selection
from app.publication.names import after_prefix

NAME_ORDER = ("family_key", "given_key", "key")

HOLDS = {
    "profession": SQL("s.professions @> ARRAY[%(profession)s]"),
    "specialty": SQL("s.specialties @> ARRAY[%(specialty)s]"),
    "department": SQL("s.departments @> ARRAY[%(department)s]"),
    "postal_code": SQL("s.postal_codes @> ARRAY[%(postal_code)s]"),
    "city": SQL("s.cities && %(city)s::text[]"),
    "has_mailbox": SQL("s.has_mailbox = %(has_mailbox)s"),
    "organization": SQL("""s.organizations && (%(organization)s::text[] || ARRAY(
  SELECT a.key FROM alias a WHERE a.kind = 'organization' AND a.alias = ANY (%(organization)s::text[])))"""),
}
BEGINS = {
    "family": SQL("s.family_key >= %(family)s AND s.family_key < %(family_end)s"),
    "given": SQL("s.given_key >= %(given)s AND s.given_key < %(given_end)s"),
}


def of_query(query: PractitionerQuery, keys: Mapping[str, str | None]) -> ByName | Selection:
    """The professionals that fit. `keys` holds name, family, given and city of the query, folded by `name_key`."""
    parameters = _parameters(query, keys["city"])
    where = [HOLDS[name] for name in parameters]
    name, family, given = keys["name"], keys["family"], keys["given"]
    if name is None and family is not None:
        return ByName([Reading(_words(family), _words(given))], tuple(where), parameters)
    for begin, key in (("family", family), ("given", given)):
        if key is not None:
            where.append(BEGINS[begin])
            parameters |= {begin: key, f"{begin}_end": after_prefix(key)}
    if name is not None:
        return ByName(readings(name), tuple(where), parameters)
    if given is not None:
        match = SQL("CASE WHEN s.given_key = %(given)s THEN 'exact' ELSE 'prefix' END")
        return replace(_selection(("given_key", "key"), where, parameters, match), first=(given, ""))
    return _selection(NAME_ORDER, where, parameters, SQL("'exact'"))


def _selection(
    order: tuple[str, ...], where: Sequence[Composable], parameters: Mapping[str, Any], match: Composable
) -> Selection:
    return Selection("practitioner", "practitioner_search", order, tuple(where), parameters, match)


def _parameters(query: PractitionerQuery, city: str | None) -> dict[str, Any]:
    """The filters that were given, by the name they have in HOLDS."""
    given = {
        "profession": query.profession and query.profession.strip(),
        "specialty": query.specialty and query.specialty.strip().upper(),
        "department": query.department and query.department.strip().upper(),
        "postal_code": query.postal_code and query.postal_code.strip(),
        "city": city and in_all_spellings(_words(city)),
        "has_mailbox": query.has_mailbox,
        "organization": query.organization and list(organization_candidates(query.organization)),
    }
    return {name: value for name, value in given.items() if value is not None}


def _words(key: str | None) -> tuple[str, ...]:
    """The words of a folded text; none of no text."""
    return tuple(key.split(" ")) if key else ()
