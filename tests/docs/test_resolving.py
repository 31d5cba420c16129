"""docs/resolving.md says what the rules say: its tables are those of app/mailboxes/use.toml, in full."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from app.mailboxes.use import RULES, Rule
from app.search.resolve_answer import NOTES, REASONS
from app.search.resolve_choice import ReasonCode
from app.search.resolve_schemas import NoteCode
from tests.docs.markdown import ROOT
from tests.search.truth import cases

PAGE = ROOT / "docs" / "resolving.md"
WHEN = {
    "always": "always",
    "general": "it names no service",
    "its_service": "its service is asked for",
    "no_service": "it names a service, none is asked for, it is ranked",
}
TIE = {
    "none": "",
    "paperless": "no paper wanted, then nothing said, then paper wanted",
    "unnamed": "no words of its own first",
}


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def documents() -> list[str]:
    head = [_row("`document`", "LOINC", "Use", "Meaning"), "|---|---|---|---|"]
    return head + [
        _row(f"`{each.code}`", ", ".join(f"`{code}`" for code in each.loinc), each.use, each.meaning)
        for each in RULES.document
    ]


def rules() -> list[str]:
    head = [_row("Use", "Place", "Type", "When", "Rule", "Sentence", "Tie", "Source"), "|" + "---|" * 8]
    return head + [
        _rule_row(use, rule) for use in ("care", "desk", "machine") for rule in RULES.rule if use in rule.uses
    ]


def codes(name: str, sentences: Mapping[Any, str]) -> list[str]:
    return [_row(name, "Sentence"), "|---|---|", *(_row(f"`{code}`", text) for code, text in sentences.items())]


def _rule_row(use: str, rule: Rule) -> str:
    kinds = ", ".join(rule.types)
    return _row(
        use,
        f"{rule.place}.{rule.then}",
        kinds,
        WHEN[rule.when],
        f"`{rule.id}`",
        rule.sentence,
        TIE[rule.tie],
        rule.source,
    )


def words() -> list[str]:
    return [" ".join(sorted(RULES.services.general)), " ".join(sorted(RULES.services.small))]


@pytest.mark.parametrize(
    "lines",
    [documents(), rules(), codes("Reason", REASONS), codes("Note", NOTES), words()],
    ids=["documents", "rules", "reasons", "notes", "words"],
)
def test_the_page_holds_the_table_as_it_is(lines: list[str]) -> None:
    page = PAGE.read_text("utf-8").splitlines()
    start = page.index(lines[0])
    if lines[0].startswith("|"):
        end = next((at for at in range(start, len(page)) if not page[at].startswith("|")), len(page))
        assert page[start:end] == lines
    else:
        assert [line for line in lines if line not in page] == []


def test_every_reason_and_note_has_its_sentence() -> None:
    assert set(REASONS) == set(get_args(ReasonCode))
    assert set(NOTES) == set(get_args(NoteCode))


def test_the_cases_of_the_truth_table_are_counted() -> None:
    assert f"in {len(cases())} cases" in PAGE.read_text("utf-8")


def test_the_size_that_nobody_promises_is_told() -> None:
    assert f"{RULES.size.unpromised:,} bytes".replace(",", " ") in PAGE.read_text("utf-8")
