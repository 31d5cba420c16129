"""Every operation of the description, asked with what must be logged nowhere, in order and out of order."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from tests.builders import DOMAIN
from tests.canary.installation import HIDDEN, SOUGHT, Installation, token_form

# What stands for a parameter, a member or an item of this name; any other text is the name that is sought.
MEANT = {"address": HIDDEN, "addresses": [HIDDEN], "domain": DOMAIN, "ids": [SOUGHT, HIDDEN], "limit": 2, "wait": 0}
SIDE_BY_SIDE = 16
JSON = {"Content-Type": "application/json"}
BROKEN = f'{{"name": "{SOUGHT}", "address": "{HIDDEN}", '.encode()


def walk(installation: Installation, caller: str, *only: str) -> list[httpx2.Response]:
    """The answers to one caller, two or three of each operation, or of those at these paths."""
    with httpx2.Client(base_url=installation.url, headers=dict(installation.callers[caller]), timeout=60) as client:
        paths = client.get("/openapi.json").json()["paths"]
        questions = [
            (method, _filled(path), given)
            for path, operations in paths.items()
            if path in only or not only
            for method, operation in operations.items()
            for given in _questions(installation, path, method, operation)
        ]
        # Side by side: without a database each waits for one.
        with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            return list(threads.map(lambda each: client.request(each[0], each[1], **each[2]), questions))


def _filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(MEANT.get(found[1], SOUGHT)), path)


def _questions(
    installation: Installation, path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One question as it is meant, one with a parameter that is not known, and two bodies that cannot be read."""
    names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    query = {name: MEANT.get(name, SOUGHT) for name in names if name not in {"cursor", "after"}}
    headers = {"Idempotency-Key": SOUGHT, "If-Match": f'"{SOUGHT}"', "Referer": f"https://{SOUGHT}.example/"}
    if path == "/oauth2/token":
        # Used already, which is an error; and with a signature that is none.
        for assertion in (installation.secrets["client assertion"], installation.secrets["client assertion"][:-2]):
            yield {"data": token_form(assertion)}
    if method in {"post", "put", "patch"}:
        body = {name: MEANT.get(name, SOUGHT) for name in ("addresses", "ids", "name", "q", "url", "mailbox")}
        yield {"json": body, "params": query, "headers": headers}
        yield {"content": BROKEN, "headers": JSON}
        yield {"content": b"\xff" + BROKEN, "headers": {**JSON, "Client-Cert": f":{SOUGHT}:"}}
    else:
        yield {"params": query, "headers": headers}
        yield {"params": {**query, SOUGHT: HIDDEN, "cursor": SOUGHT}, "headers": headers}
