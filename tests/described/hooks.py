"""What schemathesis cannot know by itself: how one line of NDJSON is written, and which 503 is meant so."""

import json
from http import HTTPStatus
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def one_line(_: Any, value: Any) -> bytes:
    """A batch of one line."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.check
def queue_is_full(_: Any, response: schemathesis.Response, __: Any) -> None:
    """Nothing but a full queue is refused for now, and it says when to come again."""
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        assert response.json()["code"] == "import.queue_full"
        assert "retry-after" in response.headers
