"""Any history of registry writes, publishes, rollbacks and drains ends in exactly what the rule says."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.harness.database import Database
from tests.publication.world import WORLD, assert_world, drain

ADDRESSES = st.sampled_from(
    [
        "anne@ch-exemple.mssante.fr",
        "anne@medecin-exemple.mssante.fr",
        "cabinet@pro-exemple.mssante.fr",
        "secretariat@ch-exemple.mssante.fr",
    ]
)
PEOPLE = st.sampled_from(["899900000060", "899900000078", "899900000086", "899900000094"])
STRUCTURES = st.sampled_from(["1990000010", "300000001800028", "R99990000000001"])
DOMAINS = st.sampled_from(["ch-exemple.mssante.fr", "pro-exemple.mssante.fr"])
WORDS = st.sampled_from(["UN", "DEUX", "TROIS"])


class History(RuleBasedStateMachine):
    """Writes mark what they touch, in the same transaction; some publish at once, as the API does."""

    connection: psycopg.Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        with self.connection.transaction():
            self.connection.execute(CLEAR)
            self.connection.execute(WORLD)

    def write(self, kind: str, key: str, sql: str, values: tuple[object, ...], *, at_once: bool, commit: bool) -> None:
        self.connection.execute(sql, values)
        if at_once:
            self.connection.execute("SELECT publish(ARRAY[%s], ARRAY[%s])", (kind, key))
        else:
            self.connection.execute("INSERT INTO pending (kind, key) VALUES (%s, %s)", (kind, key))
        self.connection.commit() if commit else self.connection.rollback()

    @rule(address=ADDRESSES, state=st.sampled_from(["active", "suspended", "withdrawn"]), unlisted=st.booleans(),
          service=WORDS, at_once=st.booleans(), commit=st.booleans())  # fmt: skip
    def change_mailbox(
        self, address: str, state: str, service: str, *, unlisted: bool, at_once: bool, commit: bool
    ) -> None:
        sql = "UPDATE mailbox SET state = %s, unlisted = %s, service = %s WHERE address = %s"
        self.write("mailbox", address, sql, (state, unlisted, service, address), at_once=at_once, commit=commit)

    @rule(person=PEOPLE, state=st.sampled_from(["active", "closed"]), at_once=st.booleans(), commit=st.booleans())
    def change_register_state(self, person: str, state: str, *, at_once: bool, commit: bool) -> None:
        sql = "UPDATE practitioner SET register_state = %s WHERE national_id = %s"
        self.write("practitioner", person, sql, (state, person), at_once=at_once, commit=commit)

    @rule(person=PEOPLE, family=WORDS, at_once=st.booleans(), commit=st.booleans())
    def rename_person(self, person: str, family: str, *, at_once: bool, commit: bool) -> None:
        sql = "UPDATE practice SET family = %s WHERE practitioner = %s"
        self.write("practitioner", person, sql, (family, person), at_once=at_once, commit=commit)

    @rule(structure=STRUCTURES, name=WORDS, at_once=st.booleans(), commit=st.booleans())
    def rename_structure(self, structure: str, name: str, *, at_once: bool, commit: bool) -> None:
        sql = "UPDATE organization_record SET name = %s WHERE organization = %s"
        self.write("organization", structure, sql, (name, structure), at_once=at_once, commit=commit)

    @rule(domain=DOMAINS, listed=st.booleans(), at_once=st.booleans(), commit=st.booleans())
    def list_domain(self, domain: str, *, listed: bool, at_once: bool, commit: bool) -> None:
        sql = (
            "INSERT INTO domain (name, certificate, source)"
            " VALUES (%s, 'C=FR,CN=essai,OU=300000001800010', 'liste_blanche') ON CONFLICT DO NOTHING"
            if listed
            else "DELETE FROM domain WHERE name = %s"
        )
        self.write("domain", domain, sql, (domain,), at_once=at_once, commit=commit)

    @rule(portion=st.integers(1, 20))
    def drain_some(self, portion: int) -> None:
        self.connection.execute("SELECT drain(%s)", (portion,))
        self.connection.commit()

    @invariant()
    def what_is_hidden_and_published_at_once_is_nowhere(self) -> None:
        """Between two steps only marks that still wait may differ from the rule; nothing of a drained world does."""
        if self.connection.execute("SELECT count(*) FROM pending").fetchone() == (0,):
            assert_world(self.connection)
        self.connection.commit()

    def teardown(self) -> None:
        drain(self.connection)
        assert_world(self.connection)
        self.connection.commit()


CLEAR = """
TRUNCATE qualification, operator, operator_certificate, domain, practitioner, practice, skill, practitioner_role,
  organization, api_key, organization_record, mailbox, mailbox_attachment, pending, publication, change, alias,
  withdrawn, practitioner_search, organization_search, mailbox_search CASCADE;
UPDATE directory SET edition = 0;
UPDATE source SET loaded = false;
"""


@pytest.mark.slow
def test_any_history_ends_in_what_the_rule_says(database: Database) -> None:
    History.connection = database.connect()
    run_state_machine_as_test(
        History,
        settings=settings(max_examples=25, stateful_step_count=20, suppress_health_check=list(HealthCheck)),
    )
