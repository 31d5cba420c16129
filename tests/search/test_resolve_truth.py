"""Every case of the truth table, asked over REST and by a client that reads LDAP alone: one answer."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.embedded import Slapd
from app.ldap.sync import sync_once
from app.mailboxes.use import DOCUMENTS, RULES
from app.main import create_app
from app.search.resolve_schemas import Resolution
from app.settings import Settings
from tests.harness.database import Database
from tests.search.mail_client import MailClient, first
from tests.search.truth import Case, build, cases

CASES = cases()
Asked = tuple[TestClient, MailClient]


@pytest.fixture
def asked(database: Database, ldap_settings: Settings, slapd: Slapd) -> Iterator[Asked]:
    """The API and LDAP, both holding every case."""
    connection: psycopg.Connection[Any] = database.connect()
    for case in CASES:
        build(connection, case)
    sync_once(ldap_settings)
    unbound = {"database_pool": 2, "anonymous_budget": 0, "anonymous_rate": 0, "log_level": "error"}
    mail_client = MailClient(slapd.uri)
    with TestClient(create_app(ldap_settings.model_copy(update=unbound))) as client:
        yield client, mail_client
    mail_client.close()


def test_every_case_is_answered_as_users_expect_over_rest_and_ldap_alike(asked: Asked) -> None:
    client, mail_client = asked
    wrong = []
    for case in CASES:
        answer = client.post("/v1/resolve", json=case.question)
        assert answer.status_code == 200, (case.name, answer.text)
        told = _told(Resolution.model_validate_json(answer.content))
        if told != case.expected:
            wrong.append(f"{case.name}: REST says {told}, users expect {case.expected}")
        by_ldap = _by_ldap(mail_client, case)
        if (by_ldap if isinstance(by_ldap, tuple) else (None, None)) != told[:2]:
            wrong.append(f"{case.name}: LDAP says {by_ldap}, REST {told[:2]}")
    assert wrong == []


def test_the_table_asks_for_every_document_and_every_rule() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES if not case.name.startswith(("and ", "even ", "or "))}) > 100
    assert {DOCUMENTS[case.document].code for case in CASES} == {each.code for each in RULES.document}
    assert {case.rule for case in CASES} - {None} == {each.id for each in RULES.rule}


def _told(answer: Resolution) -> tuple[Any, ...]:
    said = {note.code for note in answer.notes} | ({answer.reason.code} if answer.reason else set())
    if answer.mailbox is None or answer.rule is None:
        assert answer.reason is not None
        return None, None, None, said
    assert answer.rule.sentence
    return answer.mailbox.address, answer.rule.id, answer.fallback, said


def _by_ldap(client: MailClient, case: Case) -> tuple[str, str] | str | None:
    """What the client knows: the numbers on the letter, and the legal entities of these structures."""
    person = case.rpps("P") if case.recipient == "P" else None
    sites = [case.at] if case.at else list(case.works) if person else [case.recipient]
    near = client.of_structures(map(case.finess, sites))
    own = client.of_person(person) if person else []
    at = case.finess(case.at or sites[0]) if case.at or not person else None
    chosen = first(_distinct([*own, *near]), case.document, case.service, at, person)
    above = [parent for site in sites if (parent := case.structures[site])]
    if chosen is None and above:
        return first(
            _distinct(client.of_structures(map(case.finess, above))), case.document, case.service, None, person
        )
    return chosen


def _distinct(entries: list[dict[str, list[str]]]) -> list[dict[str, list[str]]]:
    return list({entry["mail"][0]: entry for entry in entries}.values())
