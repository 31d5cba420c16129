"""What a network asks of the directory: who am I, what is mine, who is this, publish these."""

import secrets
from collections.abc import Iterator, Sequence
from time import sleep
from typing import Any, NamedTuple
from urllib.parse import quote

from app.console import Refused
from app.members.left_out import LeftOut
from app.members.member import Names
from app.members.rest import Answered, Rest

OWN_PAGE = 200
MOST_CANDIDATES = 10
# Lines that an import held are sent again so many times, after so long; what is still held is left for the next run.
BUSY_LINE = "write.busy"
BUSY_TRIES, BUSY_SECONDS = 3, 5.0
NOT_FOUND = {404, 410}
Person = dict[str, Any]
Line = dict[str, Any]


class Me(NamedTuple):
    """Who the credential is, and where it may publish."""

    operator: str
    domains: frozenset[str]


class Directory:
    """The directory as its operators' programs meet it. Every call may raise Refused."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def me(self) -> Me:
        """Raises Refused: the credential may not publish."""
        me = self._rest.get("/v1/me").json
        if me["operator"] is None or "publish" not in me["scopes"]:
            raise Refused("this credential publishes for no operator: see GET /v1/me", "members.credential")
        return Me(me["operator"], frozenset(me["domains"]))

    def edition(self) -> int:
        return int(self._rest.get("/v1/edition").json["edition"])

    def own_mailboxes(self, domain: str) -> Iterator[Line]:
        """The owner's view of every mailbox in one domain, page by page."""
        following: dict[str, str] = {}
        while True:
            page = self._rest.get("/v1/me/mailboxes", domain=domain, limit=OWN_PAGE, **following).json
            yield from page["items"]
            if page["next"] is None:
                return
            following = {"cursor": page["next"]}

    def own_mailbox(self, address: str) -> tuple[str, Line] | None:
        """ETag and owner's view of one mailbox, None where there is none. Raises LeftOut: it is not this operator's."""
        try:
            answer = self._rest.get(f"/v1/mailboxes/{quote(address)}")
        except Answered as refusal:
            if refusal.status in NOT_FOUND:
                return None
            raise
        if "liste_rouge" not in answer.json:
            raise LeftOut("mailbox.not_yours", "another operator has a mailbox at this address")
        return str(answer.headers["ETag"]), answer.json

    def persons(self, numbers: Sequence[str]) -> dict[str, Person]:
        """The published professionals among these numbers, at most 1 000."""
        found = self._rest.post("/v1/practitioners/lookup", {"ids": list(numbers)}).json
        return {each["id"]: each["resource"] for each in found["results"] if each["found"]}

    def namesakes(self, names: Names) -> list[Person]:
        """Those whom these names fit wholly, at most ten: family, given, and profession or place."""
        asked = {name: value for name, value in names._asdict().items() if value}
        found = self._rest.get("/v1/practitioners", **asked, limit=MOST_CANDIDATES).json
        return [item for item in found["items"] if item["match"] == "exact"]

    def write(self, lines: Sequence[Line]) -> list[Line]:
        """Send lines of a batch, of different addresses: a result for each, in order."""
        results = self._send(lines)
        for _ in range(BUSY_TRIES):
            held = [place for place, result in enumerate(results) if result.get("code") == BUSY_LINE]
            if not held:
                break
            sleep(BUSY_SECONDS)
            for place, result in zip(held, self._send([lines[place] for place in held]), strict=True):
                results[place] = result
        return results

    def _send(self, lines: Sequence[Line]) -> list[Line]:
        key = secrets.token_hex(16)
        results: list[Line] = self._rest.post_lines("/v1/mailboxes/batch", list(lines), key).json["results"]
        if len(results) != len(lines):
            raise Refused(f"{len(lines)} lines were sent, {len(results)} answered", "members.answer")
        return results
