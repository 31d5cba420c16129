"""What the operator of a canary does with it: publishes it hidden, reads it, changes it, and makes a few mistakes."""

import json
from typing import Any
from urllib.parse import quote

from app.settings import Settings
from tests.confidentiality.world import Canary
from tests.harness.asgi import Answer, Served, ask, serving

JSON = ("Content-Type", "application/json")
ANY_STATE = (("If-Match", "*"),)


def publish_canary(settings: Settings, key: str, canary: Canary) -> None:
    """Each act is answered as it should be: the canary is there, and it is hidden."""
    body = dict(canary.body)
    with serving(settings) as served:
        act = _Acts(served, key, canary.address)
        assert act("PUT", body).status == 201
        assert act("PUT", body).status == 428
        assert act("PATCH", {"rank": 0}, ANY_STATE).status == 422
        assert act("PATCH", {"rank": 3}, (("If-Match", '"stale"'),)).status == 412
        assert act("PATCH", {"rank": 3}, ANY_STATE).status == 200
        lines = [{"operation": "patch", "address": canary.address, "rank": 2, "if_match": "*"}, {"operation": "delete"}]
        assert [line["status"] for line in act.batch({"items": lines}).json["results"]] == [200, 422]
        own = act("GET")
        assert (own.status, own.json["sequence"], own.json["rank"]) == (200, None, 2)


class _Acts:
    """Requests of the owner about one address."""

    def __init__(self, served: Served, key: str, address: str) -> None:
        self._served = served
        self._key = ("Authorization", f"Bearer {key}")
        self._path = f"/v1/mailboxes/{quote(address, safe='@')}"

    def __call__(self, method: str, body: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        return self._sent(method, self._path, body, headers)

    def batch(self, body: Any) -> Answer:
        return self._sent("POST", "/v1/mailboxes/batch", body, ())

    def _sent(self, method: str, path: str, body: Any, headers: tuple[tuple[str, str], ...]) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        return self._served.run(ask(self._served.apps[0], method, path, (self._key, JSON, *headers), content))
