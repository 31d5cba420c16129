"""`make licences`: the licence of everything that annuaire is installed with or worked on with, and whether it may be.

A licence is what the package itself states (PEP 639, else the classes of PyPI), else what was read in its licence file
(licences.toml). The tables of docs/licences.md are written from this; a test holds them against it.
"""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

from boolean.boolean import OR, Expression
from license_expression import ExpressionError, get_spdx_licensing

from release import ROOT
from release.locked import versions

PAGE = ROOT / "docs" / "licences.md"
RULES = tomllib.loads(Path(__file__).with_name("licences.toml").read_text("utf-8"))
SPDX = get_spdx_licensing()
BEGIN, END = "<!-- libraries: written by make licences -->\n", "<!-- end of libraries -->\n"


class LicenceUnknown(Exception):
    """Nothing says under which licence a dependency is: read its licence file, and write it into licences.toml."""


class LicenceNotAllowed(Exception):
    """A dependency is under a licence that licences.toml does not allow there."""


def licence(name: str) -> str:
    """The licence of a dependency in SPDX. Raises LicenceUnknown."""
    if name in RULES["stated"]:
        return str(RULES["stated"][name])
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError as error:
        raise LicenceUnknown(f"{name} is not installed here") from error
    classes = {kind.split(" :: ")[-1] for kind in said.get_all("Classifier") or () if kind.startswith("License ::")}
    meant = {RULES["classes"].get(kind) for kind in classes}
    fields = [value for field in ("License-Expression", "License") for value in said.get_all(field) or ()]
    for text in (*fields, meant.pop() if len(meant) == 1 else None):
        if text and _is_spdx(text):
            return str(text)
    raise LicenceUnknown(f"{name} states no licence in SPDX: {fields}, {sorted(classes)}")


def judge(name: str, text: str, *, is_run: bool) -> None:
    """Raises LicenceNotAllowed when no choice that the expression leaves is allowed."""
    allowed = {*RULES["allowed"]["run"], *([] if is_run else RULES["allowed"]["work"])}
    if not _is_allowed(SPDX.parse(text, validate=True), allowed):
        raise LicenceNotAllowed(f"{name} is under {text}")


def tables() -> str:
    """The two tables of the page, each dependency judged. Raises LicenceUnknown, LicenceNotAllowed."""
    run, every = versions("--no-default-groups", "--all-extras"), versions("--all-groups")
    work = [name for name in every if name not in run]
    return (
        f"{len(run)} libraries are installed with annuaire:\n\n"
        f"{_table(sorted(run), is_run=True)}\n"
        f"{len(work)} more build, test or measure it, and are handed on with nothing:\n\n"
        f"{_table(sorted(work), is_run=False)}"
    )


def written(page: str) -> str:
    """The page with its tables as they are now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


def _table(names: list[str], *, is_run: bool) -> str:
    rows = []
    for name in names:
        text = licence(name)
        judge(name, text, is_run=is_run)
        rows.append(f"| {name} | {text} |\n")
    return "| Library | Licence |\n|---|---|\n" + "".join(rows)


def _is_spdx(text: str) -> bool:
    try:
        SPDX.parse(text, validate=True)
    except ExpressionError:
        return False
    return True


def _is_allowed(expression: Expression, allowed: set[str]) -> bool:
    if not expression.args:
        return str(expression) in allowed
    judged = [_is_allowed(each, allowed) for each in expression.args]
    return any(judged) if isinstance(expression, OR) else all(judged)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
    sys.exit(0)
