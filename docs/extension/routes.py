"""The page of the routes, of the committed description of the API."""

from pathlib import Path
from typing import Any

import yaml

DESCRIPTION = Path(__file__).parents[2] / "openapi" / "annuaire.yaml"
METHODS = ("get", "put", "post", "patch", "delete")


def page() -> str:
    """What each route does, by the tag of its feature. Bodies and answers stand in the description itself."""
    described = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    by_tag: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method in METHODS:
            if operation := methods.get(method):
                by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(_row(path, method, operation))
    head = (
        "# Routes\n\nThe whole description, with bodies and answers, is `openapi/annuaire.yaml`; a running directory"
        " serves it at `/openapi.json`, and pages to try it at `/docs`."
    )
    return "\n\n".join([head, *(_table(tag, rows) for tag, rows in sorted(by_tag.items()))]) + "\n"


def _table(tag: str, rows: list[str]) -> str:
    return "\n".join([f"## {tag}\n", "| Route | What it does | Parameters |", "|---|---|---|", *rows])


def _row(path: str, method: str, operation: dict[str, Any]) -> str:
    said = (
        (operation.get("description") or operation["summary"]).split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
    )
    given = ", ".join(f"`{each['name']}`" for each in operation.get("parameters", []) if each["in"] == "query")
    return f"| `{method.upper()} {path}` | {said} | {given} |"
