"""What the load asks for: targets from a filled directory, each used once, and the requests made of them.

The six kinds of write: PUT of a new mailbox, PUT of a whole one over its present state, PATCH, DELETE, PATCH of the red
list, and batches of ten lines. Every If-Match names the state that the target really has.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any
from urllib.parse import quote

import psycopg

from app.access.keys import issue
from app.ldap.tree import escape
from app.settings import Settings
from tests.bench.arrivals import Kind
from tests.bench.wires import SIZE_LIMIT_EXCEEDED, SUCCESS, HttpWire, LdapWire, Pool, http_request, ldap_search
from tests.ldap.test_clients import BASE, THUNDERBIRD_TO

Connection = psycopg.Connection[Any]
BATCH = 10
LDAP_LIMIT = 100
LETTERS = 4
ERROR = 400
REFUSED_LINE = re.compile(rb'"status":[45]')
# Searches are encoded once; so many different ones are asked in turn, and so many mailboxes read.
SEARCHES = 2_000
READ = 500
# Mailboxes with one holder, in domains of one operator that may publish: it may write them all.
TARGETS = """
WITH sole AS (
  SELECT name, min(operator) AS operator FROM domain_owner GROUP BY name HAVING count(DISTINCT operator) = 1
)
SELECT p.key, s.operator, '"' || p.sequence || '-' || encode(substr(p.fingerprint, 1, 8), 'hex') || '"', m.type,
  a.practitioner, a.organization
FROM publication p
JOIN mailbox m ON m.address = p.key
JOIN sole s ON s.name = m.domain
JOIN mailbox_attachment a ON a.address = p.key
WHERE p.kind = 'mailbox' AND m.type IN ('PER', 'ORG') AND (m.type = 'ORG') = (a.practitioner IS NULL)
  AND NOT EXISTS (SELECT FROM mailbox_attachment b WHERE b.address = a.address AND b.id <> a.id)
ORDER BY md5(p.key || %s::text) LIMIT %s
"""
HOLDERS = (
    "SELECT rpps FROM practitioner WHERE register_state = 'active' AND rpps IS NOT NULL ORDER BY md5(rpps) LIMIT %s"
)
PERSONS = """
SELECT key, document::json -> 'practitioner' ->> 'rpps', document::json -> 'practitioner' ->> 'family'
FROM publication WHERE kind = 'mailbox' AND EXISTS (SELECT FROM publication p WHERE p.kind = 'practitioner'
  AND p.key = '8' || (publication.document::json -> 'practitioner' ->> 'rpps'))
ORDER BY md5(key) LIMIT %s
"""


@dataclass(frozen=True)
class Target:
    """One mailbox that its operator may write, and the tag of its state."""

    address: str
    operator: str
    tag: str
    type: str
    practitioner: str | None
    organization: str | None

    @property
    def path(self) -> str:
        return f"/v1/mailboxes/{quote(self.address)}"


@dataclass
class Traffic:
    """Targets of writes, and others that are read; holders of new mailboxes, keys by operator (`read`: of a consumer),
    persons to search for. `edition`: where the directory stood, so that a second run writes something else.
    """

    edition: int
    targets: list[Target]
    read: list[Target]
    _holders: Iterator[str]
    keys: dict[str, str]
    persons: list[tuple[str, str, str]]

    @classmethod
    def of(cls, connection: Connection, settings: Settings, most: int) -> "Traffic":
        """Draw at most so many targets, and issue the keys. Raises ValueError: the directory has too few."""
        (edition,) = connection.execute("SELECT edition FROM directory").fetchone() or (0,)
        targets = [Target(*row) for row in connection.execute(TARGETS, [str(edition), most + READ])]
        if len(targets) < most + READ:
            raise ValueError(f"only {len(targets)} mailboxes can be written or read; the load needs {most + READ}")
        holders = [rpps for (rpps,) in connection.execute(HOLDERS, [most])]
        operators = sorted({target.operator for target in targets})
        keys = {op: issue(connection, settings.key_pepper, "bench", ["publish"], op)[1] for op in operators}
        keys["read"] = issue(connection, settings.key_pepper, "bench", ["read"], None)[1]
        connection.commit()
        persons = connection.execute(PERSONS, [SEARCHES]).fetchall()
        return cls(edition, targets[READ:], targets[:READ], cycle(holders), keys, persons)

    def kinds(self, http: Pool[HttpWire], ldap: Pool[LdapWire], a_second: float, searches: float) -> list[Kind]:
        """Each kind of write and reads `a_second` times a second, and so many searches."""
        written, read = iter(self.targets), cycle(self.read)

        def asked(make: Callable[[Target], bytes], targets: Iterator[Target]) -> Callable[[], Awaitable[str]]:
            return _asked(http, lambda: make(next(targets)))

        writes: dict[str, Callable[[Target], bytes]] = {
            "PUT, new": self._put,
            "PUT, change": self._replace,
            "PATCH": lambda target: self._patch(target, {"rank": 1 + self.edition % 999_999}),
            "DELETE": self._delete,
            "PATCH, red list": lambda target: self._patch(target, {"liste_rouge": True}),
        }
        return [
            *(Kind(name, a_second, asked(make, written)) for name, make in writes.items()),
            Kind(f"batch of {BATCH} lines", a_second / BATCH, asked(self._batch, written)),
            Kind("GET", a_second, asked(lambda each: http_request("GET", each.path, self.keys["read"]), read)),
            Kind("LDAP, exact", searches / 2, _searched(ldap, self._exact())),
            Kind("LDAP, Thunderbird", searches / 2, _searched(ldap, self._typed())),
        ]

    def _put(self, beside: Target) -> bytes:
        """A new mailbox in the domain of the target."""
        local, _, domain = beside.address.partition("@")
        target = replace(beside, address=f"n{self.edition}.{local}"[:64] + f"@{domain}")
        return self._json("PUT", target, {"type": "PER", "practitioner": next(self._holders)}, if_none_match="*")

    def _replace(self, target: Target) -> bytes:
        holder = {"practitioner": target.practitioner, "organization": target.organization}
        return self._json(
            "PUT", target, {"type": target.type, **holder, "service": f"CHARGE {self.edition}"}, if_match=target.tag
        )

    def _patch(self, target: Target, members: dict[str, Any]) -> bytes:
        return self._json("PATCH", target, members, if_match=target.tag)

    def _delete(self, target: Target) -> bytes:
        return http_request("DELETE", target.path, self.keys[target.operator], if_match=target.tag)

    def _batch(self, target: Target) -> bytes:
        """Lines of one operator, since a batch is one caller's: new mailboxes beside the target."""
        local, _, domain = target.address.partition("@")
        lines = [
            {
                "operation": "put",
                "address": f"l{self.edition}.{number}.{local}"[:64] + f"@{domain}",
                "type": "PER",
                "practitioner": holder,
            }
            for number, holder in zip(range(BATCH), self._holders, strict=False)
        ]
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        kind = "application/x-ndjson"
        return http_request("POST", "/v1/mailboxes/batch", self.keys[target.operator], body, content_type=kind)

    def _json(self, method: str, target: Target, members: dict[str, Any], **headers: str) -> bytes:
        body = json.dumps(members).encode()
        kind = "application/json"
        return http_request(method, target.path, self.keys[target.operator], body, content_type=kind, **headers)

    def _exact(self) -> list[bytes]:
        """By address and by identification, as servers and software of professionals ask."""
        by_mail = [f"(mail={escape(address)})" for address, _, _ in self.persons]
        by_id = [f"(&(TypeIdentifiantPP=8)(IdentifiantPP={rpps}))" for _, rpps, _ in self.persons]
        queries = [query for pair in zip(by_mail, by_id, strict=True) for query in pair]
        return [ldap_search(BASE, query, limit=LDAP_LIMIT) for query in queries]

    def _typed(self) -> list[bytes]:
        """What Thunderbird asks when somebody has typed the first letters of a name."""
        typed = [escape(family[:LETTERS].lower()) for _, _, family in self.persons]
        return [ldap_search(BASE, THUNDERBIRD_TO.format(letters), limit=LDAP_LIMIT) for letters in typed]


def _asked(pool: Pool[HttpWire], make: Callable[[], bytes]) -> Callable[[], Awaitable[str]]:
    """Sends the next request; anything but success is told by its status, and by its lines in a batch."""

    async def send() -> str:
        try:
            status, answer = await pool.ask(make())
        except ConnectionError as error:
            return type(error).__name__
        if status >= ERROR:
            return str(status)
        return "a line of a batch" if REFUSED_LINE.search(answer) else ""

    return send


def _searched(pool: Pool[LdapWire], searches: list[bytes]) -> Callable[[], Awaitable[str]]:
    turns = cycle(searches)

    async def send() -> str:
        try:
            code, _ = await pool.ask(next(turns))
        except ConnectionError as error:
            return type(error).__name__
        return "" if code in {SUCCESS, SIZE_LIMIT_EXCEEDED} else f"result {code}"

    return send
