"""Which mailbox takes which document: the rules of `use.toml`, applied to a published mailbox alone. Pure.

Everything that can be said of a mailbox without knowing the others is said here, once: the resolver (app.search) orders
a recipient's mailboxes by it, and the LDAP copy (app.ldap) writes it into each entry, so that both give one answer.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Mailbox: TypeAlias = Mapping[str, Any]
Use = Literal["care", "desk", "machine"]
When = Literal["always", "general", "its_service", "no_service"]
Type = Literal["PER", "ORG", "APP", "CAB"]

DATA = Path(__file__).parent / "use.toml"
WORD = re.compile(r"[a-z0-9]+")
# Letters that are no base letter plus accent.
LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
NO_RANK, LAST_RANK = 9_999, 9_998
# Of a score: place, rank (4 digits), `then`, tie.
PLACE = 1_000_000
# Types that a structure holds; what such a mailbox says of itself may stand in its description alone.
STRUCTURAL = frozenset({"ORG", "APP"})


class Data(BaseModel):
    """A part of the file: nothing may be missing or unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(Data):
    """A kind of document. `use` is what decides; `loinc` are codes that mean it."""

    code: str = Field(pattern=r"^[a-z_]+$")
    use: Use
    loinc: tuple[Annotated[str, Field(pattern=r"^[0-9]+-[0-9]$")], ...]
    meaning: str


class Rule(Data):
    """Why a mailbox is taken, and before which others."""

    id: str = Field(pattern=r"^[a-z-]+$")
    uses: tuple[Use, ...]
    types: tuple[Type, ...]
    when: When
    place: int = Field(ge=1, le=9)
    then: int = Field(ge=0, le=9)
    tie: Literal["none", "paperless", "unnamed"]
    sentence: str = Field(min_length=10)
    source: str = Field(min_length=10)


class Services(Data):
    """Words of a service that tell nothing."""

    general: frozenset[str]
    small: frozenset[str]


class Size(Data):
    """From how many bytes on nobody promises to take a message."""

    unpromised: int = Field(ge=1)
    source: str


class Rules(Data):
    """The whole file. Whatever could make an answer depend on the order of lines in it is refused."""

    document: tuple[Document, ...]
    rule: tuple[Rule, ...]
    services: Services
    size: Size

    @model_validator(mode="after")
    def _require_one_meaning(self) -> "Rules":
        codes = [code for each in self.document for code in (each.code, *each.loinc)]
        cases = [f"{use} {kind} {each.when}" for each in self.rule for use in each.uses for kind in each.types]
        places = [f"{use} {each.place} {each.then}" for each in self.rule for use in each.uses]
        for names in (codes, [each.id for each in self.rule], cases, places):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"given twice: {', '.join(twice)}")
        return self


@dataclass(frozen=True, slots=True)
class Standing:
    """What a mailbox is to one use: the rule that takes it, and a score. The lowest score comes first.

    `when` holds what is to be asked for before the rule applies; what the mailbox itself decides is decided.
    """

    use: Use
    score: int
    rule: Rule

    @property
    def place(self) -> int:
        return self.score // PLACE

    def applies(self, *, is_asked: bool, is_its_service: bool) -> bool:
        """Whether the rule takes it, where a service was asked for, or this very one."""
        match self.rule.when:
            case "its_service":
                return is_its_service
            case "no_service":
                return not is_asked
            case _:
                return True


RULES = TypeAdapter(Rules).validate_python(tomllib.loads(DATA.read_text(encoding="utf-8")), strict=False)
DOCUMENTS = {code: each for each in RULES.document for code in (each.code, *each.loinc)}
BY_TYPE = {kind: [each for each in RULES.rule if kind in each.types] for kind in get_args(Type)}
_DECIDES = (
    [each.model_dump(exclude={"sentence", "source"}) for each in RULES.rule],
    sorted(RULES.services.general | RULES.services.small),
)
# Changes with what the rules say of mailboxes, so that whoever stored it notices.
FINGERPRINT = sha256(repr(_DECIDES).encode()).hexdigest()[:12]


def standings(mailbox: Mailbox) -> Iterator[Standing]:
    """What a published mailbox is to each use that may take it, from its document alone."""
    names_service = bool(services_of(mailbox))
    for rule in BY_TYPE.get(mailbox["type"], ()):
        if _may_apply(rule.when, mailbox, names_service=names_service):
            score = _score(rule, mailbox)
            for use in rule.uses:
                yield Standing(use, score, rule)


def services_of(mailbox: Mailbox) -> frozenset[str]:
    """The words by which a mailbox names its service; none = it is general.

    Words of its structure's name tell nothing, and the description tells only where there is no service.
    """
    text = mailbox["service"] or (mailbox["description"] if mailbox["type"] in STRUCTURAL else None)
    if not text:
        return frozenset()
    structures = [mailbox["organization"], *(each["organization"] for each in mailbox["attachments"])]
    own = {
        word for each in structures if each for name in ("name", "trade_name") for word in _words(each.get(name) or "")
    }
    return asked_words(text) - own


def asked_words(text: str | None) -> frozenset[str]:
    """The words of a service as people write it, as they are compared."""
    return _words(text or "") - _NOTHING_SAID


@lru_cache(10_000)
def _words(text: str) -> frozenset[str]:
    folded = unicodedata.normalize("NFKD", text.lower().translate(LIGATURES))
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return frozenset(_singular(word) for word in WORD.findall(plain))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word  # noqa: PLR2004 - "gas", "bus" stay


def _may_apply(when: When, mailbox: Mailbox, *, names_service: bool) -> bool:
    match when:
        case "always":
            return True
        case "general":
            return not names_service
        case "its_service":
            return names_service
        case "no_service":
            return names_service and mailbox["rank"] is not None


def _score(rule: Rule, mailbox: Mailbox) -> int:
    rank = NO_RANK if mailbox["rank"] is None else min(mailbox["rank"], LAST_RANK)
    return rule.place * PLACE + rank * 100 + rule.then * 10 + _tie(rule, mailbox)


def _tie(rule: Rule, mailbox: Mailbox) -> int:
    """0 before 1 before 2."""
    match rule.tie:
        case "paperless":
            return {True: 0, None: 1, False: 2}[mailbox["dematerialization"]]
        case "unnamed":
            return int(bool(mailbox["service"] or mailbox["description"]))
        case "none":
            return 0


_NOTHING_SAID = frozenset(
    word for text in RULES.services.general | RULES.services.small for word in (text, *_words(text))
)
