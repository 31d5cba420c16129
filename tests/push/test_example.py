"""The receiver that docs/push.md shows takes our letters, and no others."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app.push.secret import headers, new_secret, shown
from tests.docs.markdown import ROOT

IsGenuine = Callable[[str, Mapping[str, str], bytes], bool]
BODY = '{"type":"directory.changed"}'


@pytest.fixture
def is_genuine() -> IsGenuine:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "push.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    made: IsGenuine = names["is_genuine"]
    return made


def test_a_letter_of_ours_is_taken(is_genuine: IsGenuine) -> None:
    secret = new_secret()
    sent = headers(secret, "msg_a", int(time.time()), BODY)
    assert is_genuine(shown(secret), sent, BODY.encode())
    # During a change of secrets others may stand beside it.
    sent["webhook-signature"] = "v1,AAAA " + sent["webhook-signature"]
    assert is_genuine(shown(secret), sent, BODY.encode())


def test_a_forged_or_altered_or_replayed_one_is_not(is_genuine: IsGenuine) -> None:
    secret, now = new_secret(), int(time.time())
    sent = headers(secret, "msg_a", now, BODY)
    other = "v1," + base64.b64encode(bytes(32)).decode()
    for altered, body in (
        (sent, BODY + " "),
        ({**sent, "webhook-id": "msg_b"}, BODY),
        ({**sent, "webhook-timestamp": str(now + 1)}, BODY),
        ({**sent, "webhook-signature": other}, BODY),
        (headers(secret, "msg_a", now - 301, BODY), BODY),
        (headers(new_secret(), "msg_a", now, BODY), BODY),
    ):
        assert not is_genuine(shown(secret), altered, body.encode())
