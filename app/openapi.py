"""The description of the API: `/openapi.json`, and the committed `openapi/annuaire.yaml` that is checked for drift.

python -m app.openapi --write openapi/annuaire.yaml
python -m app.openapi --check openapi/annuaire.yaml      exit 1 when the file is not what the routes say
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.access.rules import Rule, rule_of
from app.admission import ALWAYS, ServerBusy
from app.budgets.allowance import RateExceeded
from app.openapi_links import link
from app.problems import MEDIA_TYPE, Problem, ProblemDocument, TooLarge, UnreadableRequest, documented
from app.settings import Settings

DESCRIPTION = """
The directory of a secure health-mail trust space: professionals, structures and their secure mailboxes.

Every read says in `Directory-Edition` which numbered state it shows; `Minimum-Edition: N` asks for no older one than N,
for example that of your last write. Errors are `application/problem+json` (RFC 9457)
with a stable `code`; `type` leads to a page about it. `X-Request-ID` is taken and always given back.

Lists: `limit` (50, at most 200) and `cursor`; an answer that is not whole has `next`. Unknown parameters
of lists, searches and the feed are refused.
"""
SECURITY_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key made by `annuaire key issue`"},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from `POST /oauth2/token` (private_key_jwt), good for ten minutes",
    },
    "certificate": {"type": "mutualTLS", "description": "The client certificate that the white list names"},
}
COMMON_HEADERS = {
    "X-Request-ID": {"description": "Id of this request, yours if you sent one", "schema": {"type": "string"}}
}
LIMIT_HEADERS = {
    "RateLimit-Policy": {"description": "What the caller may do", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of it", "schema": {"type": "string"}},
}
READ_HEADERS = {
    "Directory-Edition": {"description": "The state that is shown", "schema": {"type": "integer"}},
    "ETag": {"description": "Send it back in If-None-Match", "schema": {"type": "string"}},
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` give our description; it is made once, at the first call."""
    app.openapi = lambda: app.openapi_schema or describe(app)  # type: ignore[method-assign]  # FastAPI's documented way


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of what `app` serves."""
    schema = get_openapi(title="annuaire", version="1", description=DESCRIPTION.strip(), routes=app.routes)
    components = schema.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= {**problem.pop("$defs"), "ProblemDocument": problem}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path not in ALWAYS:
                _add(operation["responses"], ServerBusy)
            _complete(operation, rule_of(path, method.upper()))
    link(schema["paths"])
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    app.openapi_schema = schema
    return schema


def _complete(operation: dict[str, Any], rule: Rule) -> None:
    """What FastAPI cannot know: who may call, our headers, and that a refused parameter is a problem document."""
    if rule is not Rule.OPEN:
        named: list[dict[str, list[str]]] = [{scheme: []} for scheme in SECURITY_SCHEMES]
        operation["security"] = [{}, *named] if rule is Rule.LOOK_UP else named
        # Every caller that is asked for can be too fast, whatever else the route answers with 429.
        _add(operation["responses"], RateExceeded)
    if "requestBody" in operation:
        _add(operation["responses"], UnreadableRequest)
        _add(operation["responses"], TooLarge)
    operation["summary"] = operation.get("description", operation["summary"]).split("\n")[0].rstrip(".")
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status == "422" and MEDIA_TYPE not in content:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
            response["description"] = "A part of the request cannot be used (`request.invalid`)"
        elif MEDIA_TYPE in content:
            content.pop("application/json", None)
        response["headers"] = (
            COMMON_HEADERS
            | response.pop("headers", {})
            | (READ_HEADERS if status == "200" and "application/json" in content and rule is not Rule.OPEN else {})
        )
        response["headers"] |= LIMIT_HEADERS if rule is not Rule.OPEN else {}


def _add(responses: dict[str, Any], kind: type[Problem]) -> None:
    """A problem beside those that the route itself names, also under its own status."""
    ((status, problem),) = documented(kind).items()
    told = responses.setdefault(str(status), problem)
    if kind.code not in told["description"]:
        told["description"] += f"; {problem['description']}"


def as_yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Lines of YAML: block style for structure, JSON for every scalar, so that no text is taken for another type."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _entry(f"{indent}{_name(name)}:", member, indent + "  ")
    elif isinstance(value, list) and value:
        for member in value:
            yield from _entry(f"{indent}-", member, indent + "  ")
    else:
        yield indent + json.dumps(value, ensure_ascii=False)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        yield from as_yaml(value, indent)
    else:
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"


def _name(name: str) -> str:
    return (
        name
        if name.isascii() and name.isidentifier() and name not in {"null", "true", "false", "on", "off"}
        else json.dumps(name)
    )


def document() -> str:
    """The description as the committed file holds it."""
    from app.main import create_app  # noqa: PLC0415 - the root imports this module

    app = create_app(Settings(_env_file=None, key_pepper="none is needed to describe"))
    header = "# Made by `make openapi` from the routes; `make check` fails when it is not up to date."
    return "\n".join([header, *as_yaml(app.openapi())]) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(prog="python -m app.openapi", description=__doc__)
    parser.add_argument("file", type=Path)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--write", action="store_true")
    group.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.write:
        options.file.write_text(document(), encoding="utf-8")
        return 0
    if options.file.exists() and options.file.read_text(encoding="utf-8") == document():
        return 0
    sys.stderr.write(f"{options.file} is not what the routes say: run `make openapi` and look at the difference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
