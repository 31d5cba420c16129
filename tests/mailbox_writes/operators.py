"""What tests of writes share: an operator that writes over REST, and plain bodies."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.builders import DOMAIN, FINESS, RPPS

OTHER = "300000001800010"
ADDRESS = f"anne.exemple@{DOMAIN}"


def domain_of(name: str) -> str:
    """The domain that one operator owns alone, that both share, or that the other owns alone."""
    return {"own": DOMAIN, "shared": "partage.mssante.fr", "other": "autre.mssante.fr"}[name]


def per(**members: Any) -> dict[str, Any]:
    """The body of a personal mailbox."""
    return {"type": "PER", "practitioner": RPPS, **members}


def org(**members: Any) -> dict[str, Any]:
    """The body of a mailbox of a structure."""
    return {"type": "ORG", "organization": FINESS, **members}


def together(*calls: Callable[[], Any]) -> list[Any]:
    """The answers of calls that begin at the same moment."""
    answers: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int) -> None:
        start.wait()
        answers[place] = calls[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@dataclass
class Operator:
    """An operator's program."""

    client: httpx2.Client
    id: str
    headers: dict[str, str]

    def put(self, address: str = ADDRESS, body: Any = None, **headers: str) -> httpx2.Response:
        return self._send("PUT", address, per() if body is None else body, headers)

    def patch(self, address: str, body: Any, **headers: str) -> httpx2.Response:
        return self._send("PATCH", address, body, headers)

    def delete(self, address: str, successor: str | None = None, **headers: str) -> httpx2.Response:
        return self._send("DELETE", address, None, headers, {} if successor is None else {"successor": successor})

    def get(self, address: str = ADDRESS, **headers: str) -> httpx2.Response:
        return self._send("GET", address, None, headers)

    def tag(self, address: str = ADDRESS) -> str:
        """The tag of the present state."""
        return self.get(address).headers["etag"]

    def _send(
        self,
        method: str,
        address: str,
        body: Any,
        headers: dict[str, str],
        query: dict[str, str] | None = None,
    ) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(
            method, f"/v1/mailboxes/{address}", json=body, params=query, headers={**self.headers, **named}
        )
