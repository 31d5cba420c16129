"""What structures look like on the wire."""

from typing import Literal

from pydantic import Field

from app.paging import ListQuery, Term, Total
from app.publication.schemas import BatchOf, Coded, Part, Place, Resource, ResultOf


class Organization(Resource):
    """A published structure. `id` is its key; `parent` the FINESS number of its legal entity."""

    finess: str | None = Field(examples=["990000010"])
    id: str = Field(examples=["1990000010"])
    kind: Literal["LEGAL_ENTITY", "GEOGRAPHICAL_ENTITY"]
    long_name: str | None
    name: str | None = Field(examples=["CH EXEMPLE"])
    national_ids: list[str]
    parent: str | None
    place: Place | None
    sector: Coded | None
    siren: str | None
    siret: str | None
    technical_ids: list[str]
    trade_name: str | None
    type: Coded | None


class OrganizationQuery(ListQuery):
    """Filters of the search for structures; they add up. Accents and case do not matter."""

    name: Term | None = Field(None, description="Words of a name, town or postal code", examples=["ch exemple"])
    city: Term | None = Field(None, description="Whole name", examples=["besançon"])
    postal_code: Term | None = Field(None, examples=["25000"])
    department: Term | None = Field(None, examples=["25"])
    type: Term | None = Field(None, description="Code of the category of establishment", examples=["355"])
    parent: Term | None = Field(None, description="FINESS number of the legal entity", examples=["990000028"])


class OrganizationItem(Organization):
    """A structure that was found. `match` says how its name fits; without a name asked it is exact.

    `exact`: a name is what was asked. `prefix`: a name begins with it, or name and town hold every word. `fuzzy`: they
    do with at most one slip in each word.
    """

    match: Literal["exact", "prefix", "fuzzy"]


class OrganizationPage(Part):
    """Structures, the best fit first. A page may hold fewer than asked for, even none, while `next` still goes on."""

    items: list[OrganizationItem]
    next: str | None
    total: Total
    edition: int


class OrganizationResult(ResultOf):
    resource: Organization | None = None


class OrganizationBatch(BatchOf):
    results: list[OrganizationResult]
