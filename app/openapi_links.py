"""Links of the description (OpenAPI 3.1 §4.8.20): which member of an answer leads to which operation.

They follow from the paths: what a list, a search or a write answers is asked for, changed and withdrawn below the
address that `RESOURCES` names. What no path tells stands in `FURTHER`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# The address of a kind of resource, and the member of its document that stands in the path of one.
RESOURCES: Mapping[str, str] = {
    "/v1/mailboxes": "address",
    "/v1/practitioners": "national_id",
    "/v1/organizations": "id",
    "/v1/trust/operators": "id",
    "/v1/me/webhooks": "id",
    "/v1/transfers": "id",
    "/v1/imports": "run",
    "/v1/snapshots": "edition",
}
# Lists of these elsewhere.
ALSO_LISTED = {"/v1/me/mailboxes": "/v1/mailboxes"}
# What a resource has only later, if at all: the answer that it was made does not lead there, its document does.
LATER = frozenset({"/v1/imports/{run}/rejects"})
GIVEN = ("200", "201", "202")
PATH_PARAMETER = re.compile(r"\{(\w+)\}")


class Way(NamedTuple):
    """From an answer to a GET: parameters of the other operation, and the members that they take."""

    path: str
    to: str
    parameters: Mapping[str, str]


FURTHER = (
    Way("/v1/changes", "/v1/changes", {"after": "/next"}),
    Way("/v1/me/notices", "/v1/me/notices", {"after": "/next"}),
    Way("/v1/snapshots", "/v1/changes", {"after": "/items/0/next"}),
    Way("/v1/snapshots", "/v1/snapshots/{edition}/{file}", {"edition": "/items/0/edition", "file": "/items/0/file"}),
    Way("/v1/snapshots/{edition}", "/v1/changes", {"after": "/items/0/next"}),
    Way("/v1/digest", "/v1/digest/nodes", {"edition": "/edition"}),
    Way("/v1/search", "/v1/mailboxes/{address}", {"address": "/mailboxes/items/0/address"}),
    Way("/v1/search", "/v1/practitioners/{id}", {"id": "/practitioners/items/0/national_id"}),
    Way("/v1/search", "/v1/organizations/{id}", {"id": "/organizations/items/0/id"}),
)
Paths = Mapping[str, Mapping[str, dict[str, Any]]]


def link(paths: Paths) -> None:
    """Write the links into the answers of the operations of a description."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            links = dict(_links(paths, path, method, operation))
            answered = [operation["responses"][status] for status in GIVEN if status in operation["responses"]]
            for answer in answered if links else ():
                answer["links"] = links


def _links(paths: Paths, path: str, method: str, operation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    base = ALSO_LISTED.get(path) or next((each for each in RESOURCES if path in {each, _one(paths, each)}), None)
    if base and method != "delete":
        is_list = method == "get" and path in {base, *ALSO_LISTED}
        below = {path: each for path, each in paths.items() if method != "post" or path not in LATER}
        yield from _below(below, base, operation, "/items/0" if is_list else "")
    # An export takes the filters of a list and has no pages.
    is_paged = "application/json" in operation["responses"].get("200", {}).get("content", {})
    if is_paged and any(each["name"] == "cursor" for each in operation.get("parameters", ())):
        yield _link(operation, {"cursor": "/next"})
    for way in FURTHER:
        if way.path == path and method == "get":
            yield _link(paths[way.to]["get"], way.parameters)


def _one(paths: Paths, base: str) -> str:
    """The path of one resource of a kind."""
    return next(path for path in paths if PATH_PARAMETER.fullmatch(path.removeprefix(f"{base}/")))


def _below(paths: Paths, base: str, source: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """Links to all that can be done with a resource whose document stands at `where` in the answer."""
    for path, operations in paths.items():
        names = PATH_PARAMETER.findall(path)
        if not path.startswith(f"{base}/{{") or len(names) != 1:
            continue
        for operation in operations.values():
            if operation is not source:
                yield _link(operation, {names[0]: f"{where}/{RESOURCES[base]}"}, with_tag=not where)


def _link(operation: Mapping[str, Any], members: Mapping[str, str], *, with_tag: bool = False) -> tuple[str, Any]:
    """A link and its name. `with_tag`: the answer has the ETag of what the other operation changes."""
    parameters = {name: f"$response.body#{member}" for name, member in members.items()}
    if with_tag and any(each["name"] == "If-Match" for each in operation.get("parameters", ())):
        parameters["If-Match"] = "$response.header.ETag"
    return operation["operationId"], {"operationId": operation["operationId"], "parameters": parameters}
