"""The report of a batch: a line for each of its lines, in their order."""

import json
from collections.abc import Iterable

from app.mailboxes.batch_body import Line
from app.problems import Problem


def done(line: Line, status: int) -> str:
    """A line that was carried out."""
    return _text({"line": line.number, "address": line.address, "status": status})


def refused(line: Line, problem: Problem) -> str:
    """A line that was not, and why. `errors`: the parts at fault, where the problem names some."""
    told = {"code": problem.code, "detail": problem.detail}
    errors = {"errors": problem.members["errors"]} if problem.members.get("errors") else {}
    return _text({"line": line.number, "address": line.address, "status": int(problem.status)} | told | errors)


def document(results: Iterable[str]) -> bytes:
    """The body of the answer."""
    return f'{{"results":[{",".join(results)}]}}'.encode()


def _text(result: dict[str, object]) -> str:
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
