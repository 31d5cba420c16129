"""Questions put to a directory, and its answers without what differs by the clock.

Two runs are minutes apart, so what is written meanwhile bears other instants; and a tag that is a hash of such a body
is another one. Both are replaced, each checked first: an instant must be later than the world, a hash that of its body.
Requests bring their own ids. Everything else is left as it was sent.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from fastapi import FastAPI

from app.answers import TAG_DIGITS
from tests.confidentiality.questions import ANONYMOUS, Question
from tests.harness.asgi import Answer, Peer, ask

INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
# Seconds until midnight, and what a clock measured.
SECONDS = re.compile(rb'(?<="resets_in":)\d+|(?<=;t=)\d+|(?<=ms":)\d+|(?<="late":)\[[^]]*\]')
# Durations, how far a task that runs by the clock has come, and what is of the machine and not of the directory: the
# pools, the processes, the sessions of PostgreSQL, the disks. The trail is longer by the act that hides somebody, which
# its keeper may see: nobody outside is shown the metrics (deploy/nginx).
MEASURED = re.compile(
    rb"(?m)^annuaire_(?:http_request_seconds_(?:bucket|sum)|consultations|channel_l\w+|feed_kept_seconds|pool_|database_"
    rb"|folder_|\w+_end_timestamp_seconds|audit_rows).*\n|^(?:process|python)_.*\n|^\w+_created\b.*\n"
)
OWN_TAG = re.compile(r'"0-[0-9a-f]{16}"')
PEERS: Mapping[str, Peer] = {name: (f"192.0.2.{number}", 50_000) for number, name in enumerate(ANONYMOUS, 1)}


@dataclass
class Play:
    """One directory that is asked. `begun`: when the world was as it is in every copy."""

    app: FastAPI
    keys: Mapping[str, str]
    begun: datetime
    raw: list[Answer] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    async def all(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, each without its clock, in order."""
        return [await self._one(number, question) for number, question in enumerate(questions)]

    async def _one(self, number: int, question: Question) -> Answer:
        target, headers = self._leaning(question)
        if question.caller in self.keys:
            headers.append(("Authorization", f"Bearer {self.keys[question.caller]}"))
        body = b"" if question.body is None else json.dumps(question.body).encode()
        headers += [("X-Request-ID", f"q{number}"), ("Content-Type", "application/json"), *question.headers]
        peer = PEERS.get(question.caller, ("192.0.2.99", 50_000))
        answer = await ask(self.app, question.method, target, headers, body, peer)
        self.raw.append(answer)
        return self._timeless(answer)

    def _leaning(self, question: Question) -> tuple[str, list[tuple[str, str]]]:
        if question.leans is None:
            return question.target, []
        number, way = question.leans
        earlier = self.raw[number]
        if way in {"news", "state"}:
            name = "If-None-Match" if way == "news" else "If-Match"
            return question.target, [(name, earlier.header("etag") or '"none"')]
        following = earlier.json.get("next") if earlier.status == 200 else None
        cursor = {"page": "cursor", "feed": "after"}[way]
        joint = "&" if "?" in question.target else "?"
        return f"{question.target}{joint}{cursor}={following}" if following else question.target, []

    def _timeless(self, answer: Answer) -> Answer:
        body = MEASURED.sub(b"", SECONDS.sub(b"0", INSTANT.sub(self._instant, answer.body)))
        headers = tuple((name, self._header(name, value, answer, body)) for name, value in answer.headers)
        return replace(answer, headers=headers, body=body)

    def _instant(self, found: re.Match[bytes]) -> bytes:
        instant = datetime.fromisoformat(found[0].decode())
        return b"<later>" if instant > self.begun else found[0]

    def _header(self, name: str, value: str, answer: Answer, body: bytes) -> str:
        match name:
            case "etag":
                return self._tag(value, answer, body)
            case "retry-after" if answer.status == 429:
                return "<seconds>"
            case "ratelimit":
                return re.sub(r";t=\d+", ";t=<seconds>", value)
            case "content-length" if answer.body and int(value) == len(answer.body):
                return str(len(body))
        return value

    def _tag(self, value: str, answer: Answer, body: bytes) -> str:
        """A tag of a body says which body it is of; that of a hidden mailbox of one's own holds its last change."""
        if OWN_TAG.fullmatch(value):
            return "<own>"
        if answer.body and value == _hashed(answer.body):
            self.tags[value] = _hashed(body)
        return self.tags.get(value, value)


def _hashed(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:TAG_DIGITS]}"'
