"""Requests to an annuaire somewhere else: one connection, kept; tried again where that is safe, and not for ever.

A request is sent again when its answer was lost, or when the directory asks for patience (429, 502, 503, 504, 409
`idempotency.in_flight`). That is safe for reads, and for batches because each carries an Idempotency-Key.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlencode, urlsplit

from app.console import Refused, say
from app.members.credentials import Credentials

# A batch is at work for seconds; a server that is silent for so long is lost.
ANSWER_SECONDS = 120
# With a directory that has answered before, and with one that never has: most often its URL is wrong.
PATIENCE_SECONDS, FIRST_PATIENCE_SECONDS = 300.0, 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
BUSY = {429, 502, 503, 504}
BLOCK = 1 << 16
IN_FLIGHT = "idempotency.in_flight"
FIRST_ERROR = 400
Headers = Mapping[str, str]


class Answered(Refused):
    """The directory refused a request: `message`, `code` and `document` are its own, `status` is that of HTTP."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(f"the directory says: {document.get('detail', status)}", str(document.get("code", "http")))
        self.status = status
        self.document = document


@dataclass(frozen=True)
class Answer:
    """A good answer: its headers and its JSON."""

    headers: Message
    json: Any


class Rest:
    """One connection to one annuaire, closed by its block. Every call may raise Answered, and Refused when it is not
    reached.
    """

    def __init__(self, url: str, credentials: Credentials, ca_file: Path | None = None) -> None:
        """Raises Refused: no URL, or one to which a secret would go in the clear."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise Refused(f"{url!r} is no URL of an annuaire: https://HOST", "members.url")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise Refused(f"{url} is not encrypted: the credential would be seen on its way", "members.url")
        self._prefix = parts.path.rstrip("/")
        self._credentials = credentials
        self._has_answered = False
        self._connection = (
            http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
            if parts.scheme == "http"
            else http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=ANSWER_SECONDS, context=credentials.context(ca_file)
            )
        )

    def get(self, path: str, **parameters: str | int) -> Answer:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._asked("GET", path + query, None, {})

    def get_within(self, path: str, patience: float) -> Answer:
        """The same, asked again for so many seconds while the directory asks for patience; 0: only once."""
        return self._asked("GET", path, None, {}, patience=patience)

    def save(self, path: str, out: BinaryIO) -> None:
        """Append a file to `out`. A download that breaks off goes on where it was, as long as something comes.

        A directory that asks for patience is given it, LONGEST_PAUSE at a time.
        """
        start, deadline, pause = out.tell(), monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
        while True:
            had = out.tell()
            try:
                return self._save(path, out, start)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if out.tell() > had:
                    deadline, pause = monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
                if isinstance(error, _Busy):
                    pause = max(pause, error.pause)
                if monotonic() + pause > deadline:
                    raise Refused(f"the download of {path} does not go on: {error}", "members.unreachable") from error
                sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def post(self, path: str, body: Any) -> Answer:
        """Send JSON to a route that changes nothing."""
        return self._asked("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def post_lines(self, path: str, lines: list[dict[str, Any]], key: str) -> Answer:
        """Send NDJSON, once and no more under this Idempotency-Key however often it is sent."""
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        return self._asked("POST", path, body, {"Content-Type": "application/x-ndjson", "Idempotency-Key": key})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _asked(
        self, method: str, path: str, body: bytes | None, headers: Headers, patience: float = PATIENCE_SECONDS
    ) -> Answer:
        started, pause = monotonic(), FIRST_PAUSE
        while True:
            try:
                known = self._credentials.header(self._form)
                answer = self._once(method, path, body, {**headers, **known})
                if answer.status < FIRST_ERROR:
                    return Answer(answer.headers, _json(answer))
                refusal: Refused = Answered(answer.status, _problem(answer))
                if answer.status not in BUSY and refusal.code != IN_FLIGHT:
                    raise refusal
                pause = max(pause, _pause(answer.headers))
            except ssl.SSLCertVerificationError as error:
                raise Refused(
                    f"the server's certificate is not trusted: {error.verify_message}", "members.url"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                refusal = Refused(
                    f"the directory does not answer: {error or type(error).__name__}", "members.unreachable"
                )
            longest = patience if self._has_answered else min(patience, FIRST_PATIENCE_SECONDS)
            if monotonic() + pause > started + longest:
                raise refusal
            say(f"annuaire: {refusal.message}; trying again in {pause:.0f} s")
            sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _save(self, path: str, out: BinaryIO, start: int) -> None:
        """What is missing behind the end of `out`. Raises what the connection raises, and Answered."""
        have = out.tell() - start
        part = {"Range": f"bytes={have}-"} if have else {}
        known = self._credentials.header(self._form)
        self._connection.request("GET", self._prefix + path, None, {"User-Agent": "annuaire", **known, **part})
        answer = self._connection.getresponse()
        if answer.status >= FIRST_ERROR:
            refusal = Answered(answer.status, _problem(_Whole(answer.status, answer.headers, answer.read())))
            if answer.status in BUSY:
                raise _Busy(refusal.message, _pause(answer.headers))
            raise refusal
        if have and answer.status != HTTPStatus.PARTIAL_CONTENT:
            out.seek(start)
            out.truncate()
        while block := answer.read(BLOCK):
            out.write(block)
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)

    def _form(self, fields: dict[str, str]) -> Any:
        """Ask for a token. Tried once: whoever asked tries again, with another assertion."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._once("POST", "/oauth2/token", urlencode(fields).encode(), headers)
        if answer.status >= FIRST_ERROR:
            raise Answered(answer.status, _problem(answer))
        return _json(answer)

    def _once(self, method: str, path: str, body: bytes | None, headers: Headers) -> "_Whole":
        self._connection.request(method, self._prefix + path, body, {"User-Agent": "annuaire", **headers})
        answer = self._connection.getresponse()
        whole = _Whole(answer.status, answer.headers, answer.read())
        self._has_answered = True
        return whole


class _Busy(http.client.HTTPException):
    """A download that the directory puts off. `pause`: for how long."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(frozen=True)
class _Whole:
    status: int
    headers: Message
    body: bytes


def _json(answer: _Whole) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise Refused("what answers at this URL is no annuaire: it sends no JSON", "members.answer") from None


def _problem(answer: _Whole) -> Mapping[str, Any]:
    """The problem document; of a proxy in between, only the status."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"detail": f"HTTP status {answer.status}"}


def _pause(headers: Message) -> float:
    """How long the directory asks to wait, no longer than LONGEST_PAUSE; 0 when it does not say."""
    text = headers.get("Retry-After")
    return min(float(text), LONGEST_PAUSE) if text and text.isascii() and text.isdecimal() else 0.0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
