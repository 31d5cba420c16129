"""Writes in any order, beside a model that knows what the documents say of them: hypothesis looks for a difference."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from starlette.testclient import TestClient

from app.access.keys import issue
from app.embedded import Postgres
from app.main import create_app
from app.settings import Settings
from tests.builders import a_practitioner, a_structure, an_operator, publish
from tests.harness.database import cloned
from tests.mailbox_writes.operators import OTHER, Operator, domain_of
from tests.publication.world import assert_world

PEOPLE = ("99900000060", "99900000078")
NAMES = st.sampled_from(["a", "b"])
DOMAINS = st.sampled_from(["own", "shared"])
WHO = st.integers(0, 1)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "rank": st.none() | st.integers(1, 3),
        "liste_rouge": st.booleans(),
        "state": st.sampled_from(["active", "suspended"]),
    },
)
TAGS = st.sampled_from(["present", "former", "none", "any"])


@dataclass(frozen=True)
class Known:
    """What the model knows of one address."""

    person: str
    operator: str
    members: dict[str, Any] = field(default_factory=dict)
    is_withdrawn: bool = False
    was_public: bool = False

    @property
    def is_public(self) -> bool:
        return not self.is_withdrawn and not self.members["liste_rouge"] and self.members["state"] == "active"


class Writes(RuleBasedStateMachine):
    """Two operators on two addresses of a domain of the first, and of one that both share."""

    server: Postgres
    base: Settings

    def __init__(self) -> None:
        super().__init__()
        self._world = _world(self.server, self.base)
        self.operators, self.client, self.connection = self._world.__enter__()
        self.known: dict[str, Known] = {}
        self.tags: dict[str, list[str]] = {}
        self.acts = 0

    def teardown(self) -> None:
        self._world.__exit__(None, None, None)

    @rule(who=WHO, name=NAMES, domain=DOMAINS, person=st.sampled_from(PEOPLE), members=MEMBERS, tag=TAGS)
    def put(self, who: int, name: str, domain: str, person: str, members: dict[str, Any], tag: str) -> None:
        address, operator = self._asked(who, name, domain)
        body = {"type": "PER", "practitioner": person, **members}
        answer = operator.put(address, body, **self._headers(address, tag))
        known = self.known.get(address)
        expected: int
        if domain == "own" and who == 1:
            expected = 403
        elif known and not known.is_withdrawn:
            expected = self._expected(operator, known, tag, is_same=known.person == person)
        elif tag in self._sent(address):
            expected = 412
        elif known and (known.person, known.operator) != (person, operator.id):
            expected = 409
        else:
            expected = 201
        assert answer.status_code == expected
        if expected in {200, 201}:
            full = {"rank": None, "liste_rouge": False, "state": "active", **members}
            self._written(address, Known(person, operator.id, full), answer)

    @rule(who=WHO, name=NAMES, domain=DOMAINS, members=MEMBERS, tag=TAGS)
    def patch(self, who: int, name: str, domain: str, members: dict[str, Any], tag: str) -> None:
        address, operator = self._asked(who, name, domain)
        answer = operator.patch(address, members, **self._headers(address, tag))
        known = self.known.get(address)
        expected = self._change(who, domain, operator, known, tag)
        assert answer.status_code == expected
        if expected == 200 and known:
            self._written(address, replace(known, members={**known.members, **members}), answer)

    @rule(who=WHO, name=NAMES, domain=DOMAINS, tag=TAGS)
    def delete(self, who: int, name: str, domain: str, tag: str) -> None:
        address, operator = self._asked(who, name, domain)
        answer = operator.delete(address, **self._headers(address, tag))
        known = self.known.get(address)
        expected = self._change(who, domain, operator, known, tag)
        assert answer.status_code == (204 if expected == 200 else expected)
        if expected == 200 and known:
            self.acts += 1
            self.known[address] = replace(known, is_withdrawn=True, was_public=known.is_public)

    @precondition(lambda self: self.known)
    @invariant()
    def everybody_reads_what_the_model_says(self) -> None:
        for address, known in self.known.items():
            public = self.client.get(f"/v1/mailboxes/{address}")
            gone = 410 if known.was_public else 404
            assert public.status_code == (200 if known.is_public else gone if known.is_withdrawn else 404)
            for operator in self.operators:
                own = operator.get(address)
                is_own = operator.id == known.operator and not known.is_withdrawn
                assert own.status_code == (200 if is_own else public.status_code)
                if is_own:
                    assert {name: own.json()[name] for name in known.members} == known.members
                    assert own.headers["etag"] == self.tags[address][-1]

    @invariant()
    def the_publication_is_what_the_rule_says_and_every_act_is_in_the_trail(self) -> None:
        self.connection.rollback()
        assert_world(self.connection)
        assert self.connection.execute("SELECT count(*) FROM audit").fetchone() == (self.acts,)

    def _asked(self, who: int, name: str, domain: str) -> tuple[str, Operator]:
        return f"{name}@{domain_of(domain)}", self.operators[who]

    def _sent(self, address: str) -> set[str]:
        """The kinds of tag that send a header, at this address."""
        known = self.tags.get(address, [])
        return {"any"} | ({"present"} if known else set()) | ({"former"} if len(known) > 1 else set())

    def _headers(self, address: str, tag: str) -> dict[str, str]:
        if tag not in self._sent(address):
            return {}
        known = self.tags.get(address, [])
        return {"if_match": {"any": "*", "present": known[-1:], "former": known[-2:-1]}[tag][0]}

    def _expected(self, operator: Operator, known: Known, tag: str, *, is_same: bool = True) -> int:
        """Of a change to a mailbox that is there."""
        address = next(address for address, each in self.known.items() if each is known)
        if known.operator != operator.id:
            return 403
        if not is_same:
            return 422
        if tag not in self._sent(address):
            return 428
        tags = self.tags[address]
        return 412 if tag == "former" and tags[-2] != tags[-1] else 200

    def _change(self, who: int, domain: str, operator: Operator, known: Known | None, tag: str) -> int:
        if domain == "own" and who == 1:
            return 403
        if known is None:
            return 404
        return 410 if known.is_withdrawn else self._expected(operator, known, tag)

    def _written(self, address: str, now: Known, answer: Any) -> None:
        before = self.known.get(address)
        if before is None or before.is_withdrawn or before.members != now.members:
            self.acts += 1
        self.known[address] = now
        self.tags.setdefault(address, []).append(answer.headers["etag"])


@contextmanager
def _world(server: Postgres, base: Settings) -> Iterator[tuple[list[Operator], TestClient, Any]]:
    with cloned(server) as database:
        connection = database.connect()
        structure = a_structure(connection)
        people = [a_practitioner(connection, rpps=rpps) for rpps in PEOPLE]
        connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
        first = an_operator(connection, domains=(domain_of("own"), domain_of("shared")))
        second = an_operator(connection, OTHER, domains=(domain_of("other"), domain_of("shared")))
        publish(connection, ("organization", structure), *(("practitioner", person) for person in people))
        keys = [issue(connection, base.key_pepper, "a test", ["publish"], each)[1] for each in (first, second)]
        connection.commit()
        ours = base.model_copy(update={"database_url": database.dsn})
        with TestClient(create_app(ours), raise_server_exceptions=False) as client:
            headers = [{"Authorization": f"Bearer {key}"} for key in keys]
            yield [Operator(client, *each) for each in zip((first, second), headers, strict=True)], client, connection


def test_no_sequence_of_writes_leaves_what_the_model_does_not_say(migrated: Postgres) -> None:
    class Machine(Writes):
        server = migrated
        base = Settings(
            _env_file=None, key_pepper="pepper-of-the-tests", publish_with_key=True, database_pool=2, log_level="error",
            anonymous_budget=0, anonymous_rate=0, key_rate=0,
        )  # fmt: skip

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
