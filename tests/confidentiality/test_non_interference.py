"""Two directories that are equal but for one hidden mailbox look the same to everybody else, on every channel.

Not only the mailbox itself is hidden: counts, pages, tags, digest, feed, budgets, errors and what others may write do
not tell that it is there (reliability.md §6.3, I7). Each of 2 000 drawn requests, and each search of the tree, is put
to both and answered to the byte alike, instants aside.
"""

import re
from collections import Counter
from collections.abc import Callable

import pytest

from app.embedded import Postgres, Slapd
from tests.confidentiality.conftest import Seen
from tests.confidentiality.questions import Question
from tests.confidentiality.world import CANARIES, PHONE, RESPONSIBLE, SERVICE, Canary

Look = Callable[[Canary | None], Seen]
every_canary = pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)


@every_canary
def test_nobody_else_sees_any_difference(look: Look, asked: list[Question], canary: Canary) -> None:
    without, hidden = look(None), look(canary)
    both = zip(asked, without.answers, hidden.answers, strict=True)
    assert [each for each in both if each[1] != each[2]] == []
    assert [before == after for before, after in zip(without.trees, hidden.trees, strict=True)] == [True, True]
    assert without.metrics == hidden.metrics
    assert without.tables == hidden.tables


@every_canary
def test_no_answer_holds_what_was_not_asked(look: Look, asked: list[Question], canary: Canary) -> None:
    """Nor what only its owner's view shows. Transfers and successors hold what the caller itself once wrote there."""
    seen = look(canary)
    for question, answer in zip(asked, seen.raw, strict=True):
        body = re.sub(r'"successor":"[^"]*"', "", answer.body.decode())
        assert not any(word in body for word in (PHONE, RESPONSIBLE, SERVICE)), question
        if "transfers" not in question.target:
            assert canary.address not in body.lower() or canary.address in _said(question), question
    for tree in seen.trees:
        assert canary.address not in re.sub(r"(?m)^# filter: .*|^# base .*|^matchedDN: .*", "", tree)


@every_canary
def test_no_log_and_no_metric_names_it(
    look: Look, migrated: Postgres, slapd: Slapd, asked: list[Question], canary: Canary
) -> None:
    """Not when its owner writes it, and not when others ask for it by name."""
    seen = look(canary)
    assert seen.log.count('"event": "request"') > len(asked)
    kept = {"log": seen.log, "metrics": seen.metrics}
    kept |= {name: server.log.read_text(errors="replace") for name, server in (("pg", migrated), ("slapd", slapd))}
    local_part = canary.address.partition("@")[0]
    for name, text in kept.items():
        found = [line for line in text.splitlines() if any(word in line for word in (local_part, PHONE, RESPONSIBLE))]
        assert found == [], name


def test_the_questions_reach_every_kind_of_answer(look: Look, asked: list[Question]) -> None:
    """Equal answers prove little if all of them are refusals."""
    seen = look(None)
    statuses = Counter(answer.status for answer in seen.raw)
    assert {200, 201, 204, 304, 400, 401, 403, 404, 405, 410, 412, 422, 428, 429} <= set(statuses)
    assert statuses[200] > len(asked) / 3
    assert seen.trees[0] != seen.trees[1]
    assert len(asked) > 2_000


def _said(question: Question) -> str:
    return f"{question.target} {question.body}".lower().replace("%40", "@")
