"""Every code that a line can have is said in French, and explained in the guide."""

import ast
import importlib

from app.mailboxes import write_problems
from app.members import sentences
from app.problems import Problem
from tests.docs.markdown import ROOT, words

# Of whole requests, or of a batch that is all or nothing: no line of ours has them.
OF_REQUESTS = {"idempotency.mismatch", "idempotency.in_flight", "batch.refused", "batch.not_written"}


def test_every_refusal_of_a_write_has_a_french_sentence() -> None:
    importlib.import_module("app.mailboxes.absent")
    kinds = [kind for kind in vars(write_problems).values() if isinstance(kind, type) and issubclass(kind, Problem)]
    codes = {kind.code for kind in kinds if kind is not Problem} - OF_REQUESTS
    assert "mailbox.practitioner_inactive" in codes
    assert codes - sentences.DIRECTORY.keys() == set()


def test_every_reason_of_ours_has_a_french_sentence_and_no_sentence_is_idle() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "app" / "members").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {
        each.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "LeftOut"
        for each in call.args[:1]
        if isinstance(each, ast.Constant)
    }
    assert {"member.homonyms", "line.quote", "practitioner.form"} <= named
    assert named - sentences.SENTENCES.keys() == set()
    of_addresses = {f"address.{reason}" for reason in ("ascii", "at_sign", "domain", "length", "local_part", "missing")}
    assert sentences.LINES.keys() - of_addresses <= named


def test_every_code_is_explained_in_the_guide() -> None:
    explained = words((ROOT / "docs" / "joining.md").read_text("utf-8"))
    assert {*sentences.DONE, *sentences.LINES} - explained == set()


def test_a_code_of_a_newer_directory_is_told_all_the_same() -> None:
    assert sentences.bilingual("mailbox.new_rule", "Say why.") == "Refusé par l'annuaire / Say why."
