"""A hidden mailbox never influences an answer: the same people, with and without it, get the same."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.mailboxes.use import RULES
from app.search.resolve_schemas import Resolution
from tests.search.truth import Case, Held, build

Connection = psycopg.Connection[Any]
WORLDS = 60
FIRST = 5_000
NUMBERED = re.compile(r'"(?:sequence|published_at|updated_at)":[^,}]*,?')


def a_world(chance: random.Random, number: int) -> tuple[Case, Case]:
    """A case of published mailboxes, and the same with hidden ones among them."""
    shown = tuple(_mailbox(chance, f"m{at}") for at in range(chance.randrange(4)))
    hidden = tuple(_hidden(chance, _mailbox(chance, f"h{at}")) for at in range(chance.randrange(1, 4)))
    case = Case(
        number=FIRST + 2 * number,
        name="drawn",
        works=("A", "B"),
        structures={"A": "E", "B": None, "E": None},
        recipient=chance.choice("PAB"),
        held=shown,
        document=chance.choice(RULES.document).code,
        service=chance.choice([None, "cardiologie"]),
        at=None,
        size=None,
        address=None,
        rule=None,
        fallback=None,
    )
    return case, replace(case, number=case.number + 1, held=(*hidden, *shown))


def _mailbox(chance: random.Random, local_part: str) -> Held:
    kind = chance.choice(["PER", "CAB", "ORG", "APP"])
    is_persons = kind in {"PER", "CAB"}
    return Held(
        local_part,
        kind,
        persons=("P",) if is_persons else (),
        structures=() if kind == "CAB" else (chance.choice("ABE"),),
        service=chance.choice([None, "Cardiologie", "Maternité"]),
        rank=chance.choice([None, 1, 2]),
    )


def _hidden(chance: random.Random, held: Held) -> Held:
    is_red_listed = chance.random() < 0.5
    return replace(held, rank=1, unlisted=is_red_listed, state="active" if is_red_listed else "suspended")


def worlds() -> Iterator[tuple[Case, Case]]:
    chance = random.Random(7)  # noqa: S311 - no secret
    for number in range(WORLDS):
        yield a_world(chance, number)


def test_what_is_hidden_never_influences_an_answer(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    chosen = 0
    for without, with_it in worlds():
        told = []
        for case in (without, with_it):
            build(registry, case)
            answer = client.post("/v1/resolve", json=case.question, headers=reader)
            told.append(_told(case, Resolution.model_validate_json(answer.content)))
        assert told[0] == told[1], (without, with_it)
        chosen += '"mailbox":null' not in told[0]
    assert WORLDS / 6 < chosen < WORLDS


def _told(case: Case, answer: Resolution) -> str:
    """Everything that the answer says, but for what one case is told from another by."""
    text = NUMBERED.sub("", answer.model_dump_json(exclude={"edition"}))
    for number, name in (
        (case.domain, "domain"),
        *((case.finess(each), each) for each in "ABE"),
        (case.rpps("P"), "P"),
    ):
        text = text.replace(number, name)
    return text
