"""The white list of domains: which operator's certificate may serve which domain, in the official XML."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from xml.sax.saxutils import escape

from app.sandbox import numbers
from app.sandbox.chance import happens, pick, spread
from app.sandbox.domains import NATIONAL_PROFESSIONALS, Domains
from app.sandbox.files import FIRST_STAMP, LineFile

NAMESPACE = "https://listeblanche.mssante.fr/schema"
NATIONAL_OPERATORS = 343
_MIN_OPERATORS = 6
# Domains of the largest owners (measured); every other owner keeps about two.
_OWNER_SIZES = (2_769, 392, 309, 304, 272, 241, 187, 106, 66, 65, 51, 39, 26, 24, 23)
_STATES = (
    "Haute-Garonne (31)",
    "Paris (75)",
    "Gironde (33)",
    "Finistère (29)",
    "Guadeloupe (971)",
    "Corse-du-Sud (2A)",
)
_TWO_OWNERS_EVERY, _TWO_OWNERS_AT = 12, 9
_REPEATED_EVERY, _REPEATED_AT = 250, 10
_UPPER_CASE_AT = 11


@dataclass(frozen=True, slots=True)
class Operator:
    """One certificate owner; `spellings`: its DN as entries write it, the same name each time."""

    spellings: tuple[str, ...]
    contact: str
    support: str


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    description: str
    operator: Operator
    spelling: str
    updated: datetime


def draw_operators(professionals: int) -> list[Operator]:
    count = max(_MIN_OPERATORS, round(NATIONAL_OPERATORS * (professionals / NATIONAL_PROFESSIONALS) ** 0.4))
    return [_operator(index) for index in range(count)]


def _operator(index: int) -> Operator:
    """Seven in eight certificates are named by a FINESS, the others by a SIRET."""
    unit = f"1{numbers.operator_finess(index)}"
    if index % 8 == 0:
        unit = f"3{numbers.siret(numbers.siren(numbers.OPERATOR_COMPANIES_FROM + index), 1)}"
    name = "GIP EXEMPLE" if index == 0 else f"OPERATEUR EXEMPLE {index + 1:03d}"
    server = f"mss.operateur-{index + 1:03d}.example"
    rest = f"ST={_STATES[index % len(_STATES)]},C=FR"
    spellings = [f"CN={server},OU={unit},O={name},{rest}"]
    if index % 5 == 1:
        spellings += [f'CN={server},OU={unit},O="{name}",{rest}', f"CN={server}, OU={unit}, O={name}, {rest}"]
    return Operator(
        tuple(spellings),
        f"01 99 00 00 {index % 100:02d}, responsable@operateur-{index + 1:03d}.example",
        f"01 99 00 50 {index % 100:02d}, support@operateur-{index + 1:03d}.example",
    )


def entries(rng: Random, domains: Domains, operators: list[Operator], stamp: datetime) -> Iterator[Entry]:
    """The entries of all domains: one each, more where several operators serve one domain."""
    sizes = [*_OWNER_SIZES, *[2] * len(operators)][: len(operators)]
    owners = spread(zip(operators, sizes, strict=True))
    for index in range(len(domains.names)):
        owner = operators[0] if index <= domains.network else pick(rng, owners)
        # The entries of the first day keep their dates on the second.
        newest = FIRST_STAMP if index < domains.used else stamp
        entry = _entry(rng, domains, index, owner, newest)
        yield entry
        if index % _TWO_OWNERS_EVERY == _TWO_OWNERS_AT:
            second = operators[1 + (operators.index(owner) + index) % (len(operators) - 1)]
            yield _entry(rng, domains, index, second if second is not owner else operators[0], newest)
        if index % _REPEATED_EVERY == _REPEATED_AT:  # the field repeats a pair now and then, with another date
            yield Entry(entry.name, entry.description, owner, entry.spelling, entry.updated - timedelta(days=90))


def _entry(rng: Random, domains: Domains, index: int, operator: Operator, newest: datetime) -> Entry:
    name = domains.names[index]
    label = name.split(".")[0]
    updated = newest - timedelta(minutes=1 + int(rng.random() * 3_000_000))
    description = f"Domaine {label.upper()}" if happens(rng, 0.7) else f"Domaine de messagerie {label} & associés"
    shown = label.upper() + name[len(label) :] if index == _UPPER_CASE_AT else name
    return Entry(shown, description, operator, pick(rng, operator.spellings), updated)


def write_head(out: LineFile, stamp: datetime) -> None:
    out.head(f'<?xml version="1.0" encoding="UTF-8"?><ListeBlancheMSSante xmlns="{NAMESPACE}">')
    out.head(f"    <DateDeGeneration>{stamp:%Y-%m-%dT%H:%M:%SZ}</DateDeGeneration>")
    out.head("    <ListeDomaines>")


def write_entry(out: LineFile, entry: Entry) -> None:
    """One `<Domaine>`, its six children in the order of the field."""
    cells = (
        ("Nom", entry.name),
        ("Description", entry.description),
        ("DNCertificatOperateur", entry.spelling),
        ("ResponsableContact", entry.operator.contact),
        ("SupportContact", entry.operator.support),
        ("DateMAJ", f"{entry.updated:%Y-%m-%dT%H:%M:%SZ}"),
    )
    lines = ["        <Domaine>", *(f"            <{tag}>{escape(text)}</{tag}>" for tag, text in cells)]
    out.row("\n".join([*lines, "        </Domaine>"]))


def write_tail(out: LineFile) -> None:
    out.head("    </ListeDomaines>")
    out.head("</ListeBlancheMSSante>")
