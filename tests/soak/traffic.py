"""What is asked for in a soak, for as long as one likes: nothing of it is used up.

A mailbox is born, changed, hidden, shown again, looked up and withdrawn, so that there are as many at the end as at the
beginning; one request in a hundred is broken off by whoever sent it, some in the middle of their body.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, cycle
from urllib.parse import quote

from tests.bench.arrivals import Kind
from tests.bench.traffic import ERROR, Traffic
from tests.bench.wires import HttpWire, LdapWire, Pool, http_request

# How often each is asked, of a hundred.
SHARES = {
    "look-up of a mailbox": 50,
    "look-up of a professional": 10,
    "search by name": 5,
    "check before sending": 4,
    "life of a mailbox": 8,
    "feed": 2,
    "broken off": 1,
    "LDAP, exact": 12,
    "LDAP, typed": 8,
}
CHECKED, ALIVE = 20, 10
TAG = re.compile(rb"\r\netag: ([^\r]+)\r\n", re.IGNORECASE)
NEXT = re.compile(rb'"next": ?"([^"]+)"')
# A client gives up after so long, in turn: before, during and after the work.
PATIENCE = (0.0, 0.001, 0.004, 0.02)
JSON = {"content_type": "application/json"}


@dataclass
class Life:
    """A mailbox between its birth and its end. `tag`: of its present state, as the last answer told it."""

    path: str
    key: str
    holder: str
    tag: str = ""
    steps: Iterator[str] = field(default_factory=lambda: iter(("PUT", "GET", "rank", "hide", "show", "DELETE")))

    def request(self, step: str) -> bytes:
        if step == "PUT":
            body = json.dumps({"type": "PER", "practitioner": self.holder}).encode()
            return http_request("PUT", self.path, self.key, body, **JSON, if_none_match="*")
        if step in {"GET", "DELETE"}:
            headers = {"if_match": self.tag} if step == "DELETE" else {}
            return http_request(step, self.path, self.key, None, **headers)
        members = {"rank": {"rank": 7}, "hide": {"liste_rouge": True}, "show": {"liste_rouge": False}}[step]
        return http_request("PATCH", self.path, self.key, json.dumps(members).encode(), **JSON, if_match=self.tag)


class Soak:
    """The kinds of request, over connections of its own."""

    def __init__(self, drawn: Traffic, http: Pool[HttpWire], ldap: Pool[LdapWire], port: int) -> None:
        self._drawn, self._http, self._port = drawn, http, port
        self._key = drawn.keys["read"]
        self._numbers = count()
        self._lives: deque[Life] = deque()
        self._cursor = ""
        self._ldap = {kind.name: kind.send for kind in drawn.kinds(http, ldap, 1.0, 2.0) if kind.name[:4] == "LDAP"}

    def kinds(self, a_second: float) -> list[Kind]:
        """All of them, so many a second together."""
        total = sum(SHARES.values())
        sends = self._sends()
        return [Kind(name, a_second * share / total, sends[name]) for name, share in SHARES.items()]

    def _sends(self) -> Mapping[str, Callable[[], Awaitable[str]]]:
        boxes, persons, names = cycle(self._drawn.read), cycle(self._drawn.persons), cycle(self._drawn.persons)
        asked = [quote(address) for address, _, _ in self._drawn.persons[:CHECKED]]
        body = json.dumps({"addresses": asked}).encode()
        self._patience = cycle(PATIENCE)
        return {
            "look-up of a mailbox": lambda: self._get(next(boxes).path),
            "look-up of a professional": lambda: self._get(f"/v1/practitioners/{next(persons)[1]}"),
            "search by name": lambda: self._get(f"/v1/practitioners?name={quote(next(names)[2])}"),
            "check before sending": lambda: self._ask(
                http_request("POST", "/v1/mailboxes/check", self._key, body, **JSON)
            ),
            "life of a mailbox": self._live,
            "feed": self._follow,
            "broken off": lambda: self._break_off(next(boxes).path, body),
            "LDAP, exact": self._ldap["LDAP, exact"],
            "LDAP, typed": self._ldap["LDAP, Thunderbird"],
        }

    async def _get(self, path: str) -> str:
        return await self._ask(http_request("GET", path, self._key))

    async def _ask(self, request: bytes) -> str:
        status, _ = await self._http.ask(request)
        return str(status) if status >= ERROR else ""

    async def _live(self) -> str:
        """The next step of the oldest life, or the first of a new one."""
        life = self._lives.popleft() if len(self._lives) > ALIVE else self._born()
        step = next(life.steps)
        status, answer = await self._http.ask(life.request(step))
        if status >= ERROR:
            return f"{step}: {status}"
        if step != "DELETE":
            found = TAG.search(answer)
            life.tag = found[1].decode() if found else life.tag
            self._lives.append(life)
        return ""

    def _born(self) -> Life:
        target = self._drawn.targets[next(self._numbers) % len(self._drawn.targets)]
        domain = target.address.partition("@")[2]
        address = f"soak.{self._drawn.edition}.{next(self._numbers)}@{domain}"
        holder = self._drawn.persons[next(self._numbers) % len(self._drawn.persons)][1]
        return Life(f"/v1/mailboxes/{address}", self._drawn.keys[target.operator], holder)

    async def _follow(self) -> str:
        """The next page of the feed, waited for where there is none yet."""
        status, answer = await self._http.ask(
            http_request("GET", f"/v1/changes?limit=200&wait=2{self._cursor}", self._key)
        )
        if status >= ERROR:
            return str(status)
        found = NEXT.search(answer)
        self._cursor = f"&after={found[1].decode()}" if found else ""
        return ""

    async def _break_off(self, path: str, body: bytes) -> str:
        """Ask, and hang up before the answer is read; every other one in the middle of its body."""
        patience = next(self._patience)
        request = http_request("GET", path, self._key)
        if patience in PATIENCE[::2]:
            request = http_request("POST", "/v1/mailboxes/check", self._key, body, **JSON)[: -len(body) // 2]
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        await asyncio.sleep(patience)
        writer.transport.abort()
        return ""
