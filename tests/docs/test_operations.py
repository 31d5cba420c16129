"""Whoever meets a code or a lock finds it explained."""

import ast
import re
from collections.abc import Iterator

from app.console import DIFFERENCES, DONE, INTERRUPTED, REFUSED, USAGE
from app.imports import guards
from tests.docs.markdown import ROOT, words

OPERATIONS = ROOT / "docs" / "operations.md"
CODE = re.compile(r"[a-z_]+\.[a-z0-9_]+")


def test_every_reason_to_refuse_a_command_or_a_file_or_a_line_is_explained() -> None:
    codes = set(_codes_of_exceptions())
    assert {"port.taken", "archive.damaged", "line.field_count"} <= codes
    assert codes - _explained() == set()


def test_every_reject_and_warning_of_a_source_is_explained() -> None:
    sources = (ROOT / "app" / "imports" / "sources").glob("*.sql")
    codes = {code for path in sources for code in re.findall(rf"'({CODE.pattern})'", path.read_text("utf-8"))}
    assert {"type.unknown", "line.repeated"} <= codes
    assert codes - _explained() == set()


def test_every_fault_of_an_identifier_is_explained() -> None:
    functions = (ROOT / "migrations" / "sql" / "0006_identifiers.sql").read_text("utf-8")
    faults = {
        f"{subject}.{fault}"
        for subject, function in (("address", "address_fault"), ("national_id", "national_id_fault"))
        for fault in re.findall(
            r"THEN '(\w+)'", functions.split(f"FUNCTION {function}(")[1].split("END $$;")[0].split("\n$$;")[0]
        )
    }
    warnings = set(re.findall(rf"THEN '({CODE.pattern})'", functions))
    assert "address.at_sign" in faults
    assert "rpps.check_digit" in warnings
    assert (faults | warnings) - _explained() == set()


def test_every_guard_is_explained() -> None:
    assert set(guards.NAMES) - _explained() == set()


def test_every_exit_code_is_explained() -> None:
    table = OPERATIONS.read_text("utf-8").split("## Exit codes")[1].split("##")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [
        DONE, DIFFERENCES, REFUSED, INTERRUPTED, USAGE,
    ]  # fmt: skip


def test_the_list_of_advisory_locks_is_that_of_the_code() -> None:
    listed = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Advisory locks")[1].split("\n## ")[0]
    numbers = re.findall(r"^\| (\d+) \|", listed, re.MULTILINE)
    used = {number for folder in ("app", "migrations") for number in _locks(folder)}
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == used


def _locks(folder: str) -> Iterator[str]:
    for path in (ROOT / folder).rglob("*.py"):
        yield from re.findall(r"^[A-Z_]*LOCK = (\d+)$", path.read_text("utf-8"), re.MULTILINE)
    for path in (ROOT / folder).rglob("*.sql"):
        yield from re.findall(r"pg_advisory_xact_lock\((\d+)\)", path.read_text("utf-8"))


def _explained() -> set[str]:
    return words(OPERATIONS.read_text("utf-8"))


def _codes_of_exceptions() -> Iterator[str]:
    """Codes handed to Refused, FileRefused, BadLine, to classes made from them, or to a function that makes one."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "app").rglob("*.py")]
    coded = {"Refused", "FileRefused", "BadLine", "__init__", "refusal"}
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    coded |= {
        node.name for node in classes if any(isinstance(base, ast.Name) and base.id in coded for base in node.bases)
    }
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in coded:
                literals = [each.value for each in node.args if isinstance(each, ast.Constant)]
                yield from (text for text in literals if isinstance(text, str) and CODE.fullmatch(text))


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
