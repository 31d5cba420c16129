"""A record that fails each time (F19): the exporter sets it aside and says so, and all others go on."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.ldap.entries import Unstorable, entry
from app.ldap.verify import verify
from app.settings import Settings
from tests.builders import DOMAIN, a_mailbox, publish
from tests.faults.commands import PATIENCE, started, words
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in
from tests.harness.database import Database

BOXES = tuple(f"b{number}@{DOMAIN}" for number in range(12))
POISON = BOXES[5]
SEEN = "SELECT s.edition = d.edition FROM ldap_seen s, directory d"
# What a version that is newer than the exporter might write: no such member, or one of another type.
FORMS = {
    "a member is missing": "UPDATE publication SET document = (document::jsonb - 'place')::text WHERE key = %s",
    "a member is of another type": "UPDATE publication SET document = jsonb_set(document::jsonb, '{sequence}',"
    " '{\"a\": 1}')::text WHERE key = %s",
}


@pytest.mark.parametrize(
    "form", [next(iter(FORMS)), *(pytest.param(form, marks=pytest.mark.fault) for form in [*FORMS][1:])]
)
def test_one_record_that_fails_is_set_aside_and_all_others_go_on(
    database: Database, ldap_settings: Settings, tmp_path: Path, tell: Tell, form: str
) -> None:
    registry = database.connect()
    publish(registry, *(("mailbox", a_mailbox(registry, box)) for box in BOXES))
    registry.execute(FORMS[form].encode(), [POISON])
    registry.commit()

    def is_followed() -> bool:
        row = registry.execute(SEEN).fetchone()
        registry.rollback()
        return row == (True,)

    began = time.monotonic()
    given = {"ldap_enabled": "true", "ldap_uri": ldap_settings.ldap_uri, "key_pepper": "p", "snapshot_hours": "0"}
    with started(database, tmp_path, "worker", **given):
        until(is_followed)
        recovery = time.monotonic() - began
        found = verify(ldap_settings)
        assert {difference.name for difference in found.differences} <= {POISON}
        assert set_aside(registry) == [(POISON, 1)]
        # The log names nobody.
        assert "set aside" in words(tmp_path)
        assert POISON not in words(tmp_path)
        for number, box in enumerate(BOXES):
            if box != POISON:
                registry.execute("UPDATE mailbox SET service = %s WHERE address = %s", (f"s{number}", box))
        publish(registry, *(("mailbox", box) for box in BOXES if box != POISON))
        until(is_followed)
        assert {difference.name for difference in verify(ldap_settings).differences} <= {POISON}
        # It is right again once somebody writes it anew.
        registry.execute("UPDATE mailbox SET service = 'again' WHERE address = %s", [POISON])
        publish(registry, ("mailbox", POISON))
        until(is_followed)
        until(lambda: verify(ldap_settings).is_equal)
        assert set_aside(registry) == []
    broken = broken_in(ldap_settings)
    told = f"{form}: it is set aside and counted, {len(BOXES) - 1} others go on"
    tell(Tried("F19", told, 1, 0, len(broken), recovery))
    assert broken == []


def set_aside(registry: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    """The mailboxes that the tree does not hold as the worker noted them, and how often each was tried."""
    found = registry.execute("SELECT address, tries FROM ldap_aside").fetchall()
    registry.rollback()
    return found


def test_what_is_said_of_it_holds_nothing_of_the_document() -> None:
    document = json.loads('{"address": "a@x.mssante.fr", "type": "PER", "practitioner": {"family": ["GEHEIM"]}}')
    with pytest.raises(Unstorable) as told:
        entry(document)
    assert "a@x.mssante.fr" in str(told.value)
    assert "GEHEIM" not in str(told.value)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
