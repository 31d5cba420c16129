"""listeblanchemssante.xml: which certificate may serve which domain (mssante.md §4). Its key is the pair of both.

One `<Domaine>` is one line of the counts; line numbers are those of its start tag. Names are compared in lower case,
certificates by the canonical spelling of their name; the operator is the OU of that name. A pair that is listed twice
is one: the entry with the latest DateMAJ wins, then the lowest text.

    ListeBlancheMSSante ─┬─ DateDeGeneration
                         └─ ListeDomaines ── Domaine ── Nom Description DNCertificatOperateur … DateMAJ
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from app.access.distinguished_name import InvalidDistinguishedName, canonical, values
from app.identifiers import InvalidIdentifier, MailboxAddress
from app.imports.reading import BadLine, Read, Reading
from app.imports.refusal import FileRefused
from app.imports.sources.description import Column, Entity, Mark, Source, Target
from app.imports.sources.sql_text import sql

NAMESPACE = "https://listeblanche.mssante.fr/schema"
ROOT, LIST, ENTRY, NAME, CERTIFICATE, UPDATED = (
    "ListeBlancheMSSante",
    "ListeDomaines",
    "Domaine",
    "Nom",
    "DNCertificatOperateur",
    "DateMAJ",
)
BLOCK = 65_536
MAX_VALUE = 4_096
# The canonical name of a certificate is a key, and an entry of an index ends at 2 704 bytes.
MAX_CERTIFICATE = 1_000
# The quote of the engine's COPY: XML itself forbids the character.
QUOTE = "\x01"
BREAKS = re.compile(r"[\t\n\r]+")
IDENTIFIER = re.compile(r"[0-9A-B]+", re.IGNORECASE)

COLUMNS = (
    Column("name", ("nom",), required=True),
    Column("certificate", ("dncertificatoperateur",), required=True),
    Column("listed_as", ("dncertificatoperateur",), required=True),
    Column("operator", ("dncertificatoperateur",), required=True),
    Column("operator_name", ("dncertificatoperateur",), required=True),
    Column("description", ("description",)),
    Column("responsible_contact", ("responsablecontact",)),
    Column("support_contact", ("supportcontact",)),
    Column("updated", ("datemaj",)),
)

SOURCE = Source(
    name="liste_blanche",
    rank=2,
    columns=COLUMNS,
    entities=(Entity("domain", "name"),),
    reject="",
    state=sql("white_list.state"),
    targets=(
        Target("operator", key=("id",), entity=Mark("operator", "id"), fields=("name",), notes=("state",), marks=()),
        Target(
            "operator_certificate",
            key=("dn",),
            entity=Mark("certificate", "dn"),
            fields=("operator",),
            notes=("listed_as",),
            # A certificate goes with its last domain: it must open nothing any more. Its operator stays, others
            # name it.
            closing={},
            scope="EXISTS (SELECT FROM domain d WHERE d.certificate = t.dn AND d.source = 'liste_blanche')"
            " AND NOT EXISTS (SELECT FROM domain d WHERE d.certificate = t.dn AND d.source <> 'liste_blanche')",
            marks=(Mark("operator", "operator"),),
        ),
        Target(
            "domain",
            key=("name", "certificate"),
            entity=Mark("domain", "name"),
            notes=("description", "responsible_contact", "support_contact", "source_updated", "source"),
            closing={},
            scope="t.source = 'liste_blanche'"
            " OR EXISTS (SELECT FROM moved_domain v WHERE (v.name, v.certificate) = (t.name, t.certificate))",
        ),
        # A transfer that the list confirms, or that it ends by naming neither side, needs to be kept no longer.
        Target(
            "domain_move",
            key=("name", "from_operator"),
            entity=Mark("domain", "name"),
            notes=("to_operator",),
            closing={},
            marks=(),
        ),
    ),
    counted="domain",
    lines_kept=False,
    is_rule=True,
)


class Element(NamedTuple):
    """A `<Domaine>` as read: the text of each child by its name, and where it began."""

    line: int
    texts: dict[str, str]
    faults: list[BadLine]


@dataclass(frozen=True)
class WhiteListLayout:
    stamp: str | None
    source: Source = SOURCE
    keeps_lines: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(column.field for column in COLUMNS)

    @property
    def labels(self) -> dict[str, str]:
        return {"name": NAME, "certificate": CERTIFICATE}

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        parser: Any = make_parser()
        handler = _Handler(parser.getLineNumber)
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(handler)
        while data := read(BLOCK):
            with _refusing():
                parser.feed(data)
            yield _rows(handler.taken(), reading)
        with _refusing():
            parser.close()
        yield _rows(handler.taken(), reading)


class _Handler(ContentHandler):
    """Collects each `<Domaine>` and refuses another tree than the white list's."""

    def __init__(self, line: Callable[[], int]) -> None:
        super().__init__()
        self._line = line
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._entry: Element | None = None
        self._finished: list[Element] = []

    def taken(self) -> list[Element]:
        """The entries finished since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:  # noqa: ARG002, N802 - the signature of SAX
        namespace, tag = name
        if not self._path and (namespace, tag) != (NAMESPACE, ROOT):
            raise FileRefused(
                "xml.root", f"line {self._line()}: the root is {tag!r} in {namespace!r}, not {ROOT!r} in {NAMESPACE!r}."
            )
        self._path.append(tag if namespace == NAMESPACE else f"{{{namespace}}}{tag}")
        self._text, self._length = [], 0
        if self._path == [ROOT, LIST, ENTRY]:
            self._entry = Element(self._line(), {}, [])

    def characters(self, content: str) -> None:
        self._length += len(content)
        if self._length <= MAX_VALUE:
            self._text.append(content)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: ARG002, N802 - the signature of SAX
        tag = self._path.pop()
        if self._entry is None:
            return
        if self._path == [ROOT, LIST, ENTRY]:
            self._child(self._entry, tag)
        elif self._path == [ROOT, LIST]:
            self._finished.append(self._entry)
            self._entry = None

    def _child(self, entry: Element, tag: str) -> None:
        if self._length > MAX_VALUE:
            entry.faults.append(BadLine("value.too_long", f"{tag} is longer than {MAX_VALUE} characters", tag))
        if tag in entry.texts:
            entry.faults.append(BadLine("value.repeated", f"the entry holds {tag} twice", tag))
        text = "".join(self._text)
        # Clients compare names of certificates as they stand in the list: inner spaces stay, line breaks do not.
        entry.texts[tag] = BREAKS.sub(" ", text.strip()) if tag == CERTIFICATE else " ".join(text.split())


def _rows(entries: list[Element], reading: Reading) -> bytes:
    rows = []
    for entry in entries:
        reading.read += 1
        try:
            rows.append(_row(entry, reading))
        except BadLine as fault:
            reading.reject(entry.line, fault, "|".join(entry.texts.values()).encode())
    return "".join(rows).encode()


def _row(entry: Element, reading: Reading) -> str:
    if entry.faults:
        raise entry.faults[0]
    name = _domain(entry.texts.get(NAME, ""))
    listed_as = entry.texts.get(CERTIFICATE, "")
    if not listed_as:
        raise BadLine("certificate.missing", f"domain {name} names no certificate", CERTIFICATE)
    try:
        certificate = canonical(listed_as)
        operator, operator_name = operator_of(listed_as, certificate)
    except InvalidDistinguishedName as error:
        raise BadLine("certificate.form", f"domain {name}: {error}", CERTIFICATE) from error
    if len(certificate.encode()) > MAX_CERTIFICATE:
        raise BadLine(
            "value.too_long", f"domain {name}: its certificate's name is over {MAX_CERTIFICATE} bytes", CERTIFICATE
        )
    updated = _instant(entry.texts.get(UPDATED, ""), reading)
    others = (entry.texts.get(tag, "") for tag in ("Description", "ResponsableContact", "SupportContact"))
    cells = (name, certificate, listed_as, operator, operator_name, *others, updated)
    return "|".join((str(entry.line), *(f"{QUOTE}{cell}{QUOTE}" if cell else "" for cell in cells))) + "\n"


def _domain(text: str) -> str:
    """The name in lower case: one that mailbox addresses can end with. Raises BadLine."""
    if not text:
        raise BadLine("domain.missing", "the entry names no domain", NAME)
    if "@" in text:
        raise BadLine("domain.at_sign", f"domain {text[:254]} holds an @: it is an address, not a domain", NAME)
    try:
        return MailboxAddress.parse(f"x@{text}").domain
    except InvalidIdentifier as error:
        raise BadLine("domain.form", f"domain {text[:254]} is not a domain name", NAME) from error


def operator_of(listed_as: str, certificate: str) -> tuple[str, str]:
    """(id, name) of the operator that a certificate belongs to: its OU and its O.

    Of several OU the first that looks like a national identification (1 + FINESS, 3 + SIRET); without any, the
    canonical name of the certificate stands for its operator. Raises InvalidDistinguishedName.
    """
    units = values(listed_as, "OU")
    identified = next((unit.upper() for unit in units if IDENTIFIER.fullmatch(unit)), None)
    operator = identified or min(filter(None, units), default=certificate)
    return operator, min(filter(None, values(listed_as, "O")), default=operator)


def _instant(text: str, reading: Reading) -> str:
    """ISO text, or nothing where there is no date: a domain is not unlisted for a date mistyped."""
    try:
        instant = datetime.fromisoformat(text) if text else None
        # In UTC: PostgreSQL takes no offset of 16 hours or more.
        return "" if instant is None else (instant.astimezone(UTC) if instant.tzinfo else instant).isoformat()
    except (ValueError, OverflowError):
        reading.warnings["updated.form"] += 1
        return ""


@contextmanager
def _refusing() -> Iterator[None]:
    """What the parser does not read is a file that is refused."""
    try:
        yield
    except SAXParseException as error:
        raise _broken(error) from error
    except DefusedXmlException as error:
        raise FileRefused("xml.forbidden", f"the white list holds a DTD or an entity ({error}): not read.") from error
    except (LookupError, ValueError) as error:
        # Of an encoding that it does not know, expat asks Python, whose errors are these.
        raise FileRefused(
            "xml.malformed", f"the white list says it is written in an encoding that is not read ({error}): UTF-8 is."
        ) from error


def _broken(error: SAXParseException) -> FileRefused:
    line, column, said = error.getLineNumber(), error.getColumnNumber(), error.getMessage()
    if "no element found" in said or "unclosed token" in said:
        return FileRefused(
            "xml.truncated",
            f"the white list ends at line {line} before its root is closed: it is cut short. Take it again from its "
            "publisher.",
        )
    return FileRefused("xml.malformed", f"line {line}, column {column}: not well-formed XML ({said}).")
