"""The requests of the matrix: each cell asked once, and what it left behind."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI

from tests.authorisation import oracle
from tests.authorisation.credentials import Headers, Kind, Sent
from tests.authorisation.names import NAMES, OWN, Name
from tests.authorisation.oracle import NEW, Door, Verb, Verdict
from tests.authorisation.space import FILED, WRITERS, WRITTEN, add_mailbox
from tests.builders import RPPS
from tests.harness.asgi import Answer, ask

Connection = psycopg.Connection[Any]
JSON = ("Content-Type", "application/json")
ANY_STATE = ("If-Match", "*")
BODY = {"type": "PER", "practitioner": RPPS, "liste_rouge": True}
SOME_DAY = (datetime.now(UTC) + timedelta(days=30)).isoformat()
EFFECTS = {"PUT": "mailbox.created", "PATCH": "mailbox.changed", "DELETE": "mailbox.withdrawn"}
OK: Verdict = (200, None)
NO_ROUTE: Verdict = (404, "route.unknown")
NO_WEBHOOK: Verdict = (404, "webhook.unknown")
NO_RUN: Verdict = (404, "import.unknown_run")
# (method, path, whom it lets in, how it answers then): a route of each kind at least, and every one of administrators.
DOORS: tuple[tuple[str, str, Door, Verdict], ...] = (
    ("GET", "/healthz", Door.OPEN, OK),
    ("GET", "/v1/edition", Door.OPEN, OK),
    ("GET", "/v1/digest", Door.LOOK_UP, OK),
    ("GET", f"/v1/practitioners/{RPPS}", Door.LOOK_UP, OK),
    ("GET", f"/v1/mailboxes?domain={OWN}", Door.LOOK_UP, OK),
    ("GET", "/v1/organizations?name=exemple", Door.LOOK_UP, OK),
    ("GET", "/v1/trust/domains", Door.LOOK_UP, OK),
    ("GET", "/v1/trust/operators", Door.LOOK_UP, OK),
    ("GET", "/v1/trust/whitelist.xml", Door.LOOK_UP, OK),
    ("GET", "/v1/changes?limit=1", Door.READ, OK),
    ("GET", "/v1/digest/nodes", Door.READ, OK),
    ("GET", "/v1/exports/practitioners", Door.READ, OK),
    ("GET", f"/v1/exports/mailboxes?domain={OWN}&format=csv", Door.READ, OK),
    ("GET", "/v1/snapshots/999999999", Door.READ, (404, "snapshot.unknown")),
    ("GET", "/v1/me/webhooks", Door.READ, OK),
    ("GET", "/v1/me/webhooks/none", Door.READ, NO_WEBHOOK),
    ("DELETE", "/v1/me/webhooks/none", Door.READ, NO_WEBHOOK),
    ("POST", "/v1/me/webhooks/none/replay", Door.READ, NO_WEBHOOK),
    ("GET", "/v1/me/webhooks/none/deliveries", Door.READ, NO_WEBHOOK),
    ("GET", "/v1/me", Door.ANY, OK),
    ("GET", "/v1/me/notices", Door.OWN, OK),
    ("GET", "/v1/me/mailboxes", Door.OWN_READ, OK),
    ("GET", "/v1/transfers", Door.OWN_OR_ADMIN, OK),
    ("POST", "/v1/transfers/999999/refuse", Door.PUBLISH, (404, "transfer.unknown")),
    ("POST", "/v1/transfers/999999/withdraw", Door.PUBLISH, (404, "transfer.unknown")),
    ("POST", "/v1/imports?unknown=1", Door.ADMIN, (422, "request.invalid")),
    ("GET", "/v1/imports", Door.ADMIN, OK),
    ("GET", "/v1/imports/none", Door.ADMIN, NO_RUN),
    ("GET", "/v1/imports/none/changes", Door.ADMIN, NO_RUN),
    ("GET", "/v1/imports/none/rejects", Door.ADMIN, NO_RUN),
    ("POST", "/v1/imports/none/apply", Door.ADMIN, NO_RUN),
    ("POST", "/v1/imports/none/undo", Door.ADMIN, NO_RUN),
    ("GET", "/v1/imports/template.csv", Door.ADMIN, OK),
    ("GET", "/v1/imports/template.xlsx", Door.ADMIN, OK),
    ("GET", "/v1/audit?limit=1", Door.AUDIT, OK),
    ("GET", "/v1/audit/head", Door.AUDIT, OK),
)


@dataclass
class Walk:
    """One caller goes through all cells. `tag` marks what it does, in addresses and as the id of its requests."""

    app: FastAPI
    connection: Connection
    operator: str | None
    kind: Kind
    sent: Sent
    tag: str
    wrong: list[str] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)

    async def writes(self) -> None:
        """Every write by itself."""
        for verb, name in cells(oracle.WRITES):
            expected = oracle.write(self.operator, self.kind, verb, name)
            address = self._address(verb, name, expected, "s")
            path = f"/v1/mailboxes/{quote(address, safe='@')}"
            answer = await self._ask(verb.method, path, _content(verb), _precondition(verb))
            self._judge(f"{verb.label} {address!r}", expected if name.in_path else NO_ROUTE, _said(answer))

    async def batch(self) -> None:
        """All of them as lines of one batch."""
        expected, lines = [], []
        for verb, name in cells(oracle.WRITES):
            verdict = oracle.write(self.operator, self.kind, verb, name)
            address = self._address(verb, name, verdict, "b")
            members = {"if_match": "*"} if verb.target != NEW else {}
            content = _content(verb) or {}
            lines.append({"operation": verb.method.lower(), "address": address, **members, **content})
            expected.append(verdict)
        answer = await self._ask("POST", "/v1/mailboxes/batch", {"items": lines})
        found: list[Verdict] = [_said(answer)] * len(lines)
        if answer.status == 200:
            found = [(result["status"], result.get("code")) for result in answer.json["results"]]
        for line, verdict, said in zip(lines, expected, found, strict=True):
            self._judge(f"batch {line['operation']} {line['address']!r}", verdict, said)

    async def reads(self) -> None:
        """The owner's view of each hidden mailbox."""
        for verb, name in cells(oracle.READS):
            address = f"{verb.target}@{name.sent}"
            answer = await self._ask("GET", f"/v1/mailboxes/{quote(address, safe='@')}")
            expected = oracle.read(self.operator, self.kind, verb, name) if name.in_path else NO_ROUTE
            self._judge(f"GET {address!r}", expected, _said(answer))
            if answer.status == 200 and not answer.json["liste_rouge"]:
                self.wrong.append(f"GET {address!r}: shown as public")

    async def gifts(self) -> None:
        """Every mailbox and every domain given away."""
        for name in NAMES:
            for scope, key in (("mailbox", f"{WRITTEN}@{name.sent}"), ("domain", name.sent)):
                wanted = {scope: key, "to": "nobody", "effective_at": SOME_DAY}
                answer = await self._ask("POST", "/v1/transfers", wanted)
                expected = oracle.give(self.operator, self.kind, scope, name)
                self._judge(f"give {scope} {key!r}", expected, _said(answer))

    async def agreements(self, offered: Mapping[str, int]) -> None:
        """Every offer agreed to."""
        for receiver, number in offered.items():
            answer = await self._ask("POST", f"/v1/transfers/{number}/agree")
            expected = oracle.agree(self.operator, self.kind, receiver)
            self._judge(f"agree to what {receiver} was offered", expected, _said(answer))

    async def doors(self) -> None:
        """Every kind of route, without a domain."""
        for method, path, door, done in DOORS:
            answer = await self._ask(method, path)
            refused = oracle.door(self.kind, door, self.operator)
            self._judge(f"{method} {path}", refused or done, _said(answer))

    async def lists(self) -> None:
        """What lists and look-ups show of the hidden mailboxes."""
        every = [f"{target}@{domain}" for target in (WRITTEN, FILED) for domain in WRITERS]
        answer = await self._ask("POST", "/v1/mailboxes/lookup", {"addresses": every})
        if answer.status == 200 and any(result["found"] for result in answer.json["results"]):
            self.wrong.append("a look-up of many found a hidden mailbox")
        never = [f"jamais@{address.partition('@')[2]}" for address in every]
        answer = await self._ask("POST", "/v1/mailboxes/check", {"addresses": [*every, *never]})
        if answer.status == 200:
            told = [(result["reason"], result["cause"], result["ask"]) for result in answer.json["results"]]
            if told[: len(every)] != told[len(every) :]:
                self.wrong.append("a check of many told a hidden mailbox from one that never was")
        answer = await self._ask("GET", "/v1/me/mailboxes?limit=200")
        if answer.status == 200 and self.operator:
            shown = {item["address"] for item in answer.json["items"]} & set(every)
            if shown != oracle.seen_by(self.operator):
                self.wrong.append(f"/v1/me/mailboxes shows {sorted(shown)}")

    def _judge(self, cell: str, expected: Verdict, found: Verdict) -> None:
        if found != expected:
            self.wrong.append(f"{cell}: {expected} by the rules, {found} by the directory")

    def _address(self, verb: Verb, name: Name, expected: Verdict, way: str) -> str:
        """The address of a cell: what it may change is made for it, what it may not is there for all to try."""
        is_done = expected == verb.done
        if verb.is_kept or not (is_done or verb.target == NEW):
            return f"{verb.target}@{name.sent}"
        local_part = f"{verb.method.lower()}-{verb.target}-{way}{NAMES.index(name)}-{self.tag}"
        if is_done and name.meant is not None:
            meant = f"{local_part}@{name.meant}"
            if verb.target != NEW:
                add_mailbox(self.connection, meant, None if verb.target == FILED else self.operator)
                self.connection.commit()
            self.done.append((EFFECTS[verb.label.split()[0]], meant))
        return f"{local_part}@{name.sent}"

    async def _ask(self, method: str, path: str, body: Any = None, headers: Headers = ()) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        sent = (*self.sent.headers, ("X-Request-ID", self.tag), JSON, *headers)
        return await ask(self.app, method, path, sent, content, self.sent.peer)


def cells(verbs: tuple[Verb, ...]) -> Iterator[tuple[Verb, Name]]:
    """Every verb in every domain; on what a file brought, only where there are mailboxes at all."""
    return ((verb, name) for name in NAMES for verb in verbs if verb.target != FILED or name.meant in WRITERS)


def _content(verb: Verb) -> dict[str, Any] | None:
    return BODY if verb.method == "PUT" else {} if verb.method == "PATCH" else None


def _precondition(verb: Verb) -> Headers:
    return () if verb.target == NEW else (ANY_STATE,)


def _said(answer: Answer) -> Verdict:
    return answer.status, answer.code
