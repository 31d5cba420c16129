"""Our own white list: the schema of the national one, in a fixed order, made once for each state of the trust space.

    trust_edition ─► number known? ─► bytes as they were made
                          └─ no ─► pairs of one statement ─► XML ─► signature │ JSON ─► JWS

Named are the pairs of domain and certificate of operators that are active or suspended: suspension stops an operator's
writes here, not its mail. Candidates are not in yet, who left is out. Contacts are people's numbers: the schema has
places for them, which hold the contact of the trust space, or nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from anyio import Lock
from anyio.to_thread import run_sync
from lxml import etree

from app.answers import body_tag
from app.publication.reading import Pool
from app.trust.signing import Signer

NAMESPACE = "https://listeblanche.mssante.fr/schema"
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
INSTANT = "%Y-%m-%dT%H:%M:%SZ"
STATE = "SELECT t.number, t.changed_at, d.edition FROM trust_edition t CROSS JOIN directory d"
PAIRS = """
SELECT t.number, t.changed_at, p.name, p.description, p.listed_as, p.operator, p.source_updated
FROM trust_edition t LEFT JOIN (
  SELECT d.name, c.dn, d.description, c.listed_as, o.id AS operator, d.source_updated
  FROM domain d JOIN operator_certificate c ON c.dn = d.certificate JOIN operator o ON o.id = c.operator
  WHERE o.state IN ('active', 'suspended')) p ON true
ORDER BY p.name COLLATE "C", p.dn COLLATE "C"
"""


class State(NamedTuple):
    """Which state of the trust space: its number, and when it came to be."""

    number: int
    changed_at: datetime


class Pair(NamedTuple):
    """One `<Domaine>`: a domain bound to one certificate of an operator."""

    name: str
    description: str | None
    certificate: str
    operator: str
    updated_at: datetime | None


@dataclass(frozen=True)
class WhiteList:
    """The list of one state as it is served, with its ETags. `jws` is None where nothing signs."""

    state: State
    xml: bytes
    jws: bytes | None
    xml_tag: str
    jws_tag: str


@dataclass
class WhiteLists:
    """Keeps the list of the present state. `contact` stands in the places of contacts."""

    signer: Signer | None
    contact: str | None

    def __post_init__(self) -> None:
        self._made: WhiteList | None = None
        self._making = Lock()

    async def current(self, pool: Pool) -> tuple[int, WhiteList]:
        """(edition of the directory, the list); made, by one of those who ask, when the trust space has changed."""
        async with pool.connection() as connection:
            row = await (await connection.execute(STATE)).fetchone()
        if row is None:
            raise LookupError("the table trust_edition is empty: run `annuaire db upgrade`")
        state, edition = State(*row[:2]), row[2]
        made = self._made
        if made is None or made.state != state:
            async with self._making:
                made = self._made
                if made is None or made.state != state:
                    made = self._made = await self._make(pool)
        return edition, made

    async def _make(self, pool: Pool) -> WhiteList:
        async with pool.connection() as connection:
            rows = await (await connection.execute(PAIRS)).fetchall()
        pairs = [Pair(*row[2:]) for row in rows if row[2] is not None]
        # 0.16 s of a processor for the nation's 6 554 pairs, signed: other requests go on.
        return await run_sync(rendered, State(*rows[0][:2]), pairs, self.signer, self.contact)


def rendered(state: State, pairs: Sequence[Pair], signer: Signer | None, contact: str | None) -> WhiteList:
    """The list of these pairs in both forms, signed where there is a signer."""
    root = _tree(state, pairs, contact)
    xml = etree.tostring(signer.enveloped(root) if signer else root, encoding="UTF-8")
    xml = DECLARATION + xml + b"\n"
    token = signer.compact(_json(state, pairs)).encode() if signer else None
    return WhiteList(state, xml, token, body_tag(xml), body_tag(token or b""))


def _tree(state: State, pairs: Sequence[Pair], contact: str | None) -> etree._Element:
    root = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})
    _child(root, "DateDeGeneration", _instant(state.changed_at))
    domains = _child(root, "ListeDomaines")
    for pair in pairs:
        entry = _child(domains, "Domaine")
        _child(entry, "Nom", pair.name)
        _child(entry, "Description", pair.description)
        _child(entry, "DNCertificatOperateur", pair.certificate)
        _child(entry, "ResponsableContact", contact)
        _child(entry, "SupportContact", contact)
        _child(entry, "DateMAJ", _instant(pair.updated_at) if pair.updated_at else None)
    etree.indent(root, space="    ")
    return root


def _child(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = text or None
    return child


def _json(state: State, pairs: Sequence[Pair]) -> bytes:
    domains = [
        {
            "name": pair.name,
            "certificate": pair.certificate,
            "operator": pair.operator,
            "description": pair.description,
            "updated_at": _instant(pair.updated_at) if pair.updated_at else None,
        }
        for pair in pairs
    ]
    content = {"generated_at": _instant(state.changed_at), "number": state.number, "domains": domains}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime(INSTANT)
