"""What the trust space looks like on the wire. Contacts of the white list are never published."""

from datetime import datetime

from pydantic import Field

from app.paging import ListQuery, Term, Total
from app.publication.schemas import Part
from app.trust.models import OperatorState


class Domain(Part):
    """A mail domain as the white list gives it to one certificate; a domain of two owners is two items."""

    name: str = Field(examples=["ch-exemple.mssante.fr"])
    certificate: str = Field(description="Canonical distinguished name", examples=["C=FR,CN=bal.exemple,OU=1990000010"])
    operator: str = Field(description="Id of the operator", examples=["1990000010"])
    operator_name: str = Field(examples=["GIP EXEMPLE"])
    description: str | None
    updated_at: datetime | None = Field(description="DateMAJ of the white list")


class DomainQuery(ListQuery):
    """Filters of the list of domains."""

    name: Term | None = Field(None, description="One domain", examples=["ch-exemple.mssante.fr"])
    operator: Term | None = Field(None, description="Id of an operator", examples=["1990000010"])


class DomainPage(Part):
    """Domains in order of name and certificate."""

    items: list[Domain]
    next: str | None
    total: Total
    edition: int


class Operator(Part):
    """An operator of secure mail, its certificates and its domains.

    `conformity_in_force`: its file is complete today, or is waived for it. What is in the file is its own affair.
    """

    id: str = Field(examples=["1990000010"])
    name: str = Field(examples=["GIP EXEMPLE"])
    state: OperatorState
    conformity_in_force: bool
    certificates: list[str] = Field(description="Canonical distinguished names")
    domains: list[str]


class OperatorQuery(ListQuery):
    """Filters of the list of operators."""

    state: OperatorState | None = Field(None, description="Only those in this state")
    domain: Term | None = Field(None, description="Only the owners of this domain", examples=["ch-exemple.mssante.fr"])


class OperatorPage(Part):
    """Operators in order of their id."""

    items: list[Operator]
    next: str | None
    total: Total
    edition: int
