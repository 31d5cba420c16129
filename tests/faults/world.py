"""What must hold of the whole after any fault (the oracle of reliability.md §4): database, trail, feed and tree.

    I2 I9  the trail verifies, and each mailbox of an operator is as its last act left it
    I3     no request had its effect twice
    I4     the publication is what the rule gives, its log is dense, and whoever follows the feed holds just that
    I5     the tree is the publication
    I6     nothing is published in a domain that is not listed for who wrote it
    I7     what is hidden stands nowhere, nor in what was logged
    I8     no import is half, and nothing waits to be published

I1 needs to be told what was acknowledged: `tests.faults.history`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pydantic import SecretStr

from app.access.audit_verify import verify
from app.access.keys import issue
from app.db import connect
from app.ldap.verify import verify as verify_tree
from app.mailboxes.row import Holder, Row
from app.settings import Settings
from tests.harness.asgi import ask, serving
from tests.imports.state import LEFT_BEHIND
from tests.publication import world as publication

Connection = psycopg.Connection[Any]
Name = tuple[str, str]
PageAfter = Callable[[str | None, int], dict[str, Any]]
# As they stand in documents, paths and logs; no address of a test has a slash.
ADDRESS = re.compile(r"[^\s\"'<>,;:()=@/]+@[a-z0-9.-]+[a-z0-9]")
PAGE = 200
# Of each mailbox that an operator wrote: the hash that its last act left, and the row as it is.
LAST_ACTS = """
SELECT a.after, m.address, m.type, m.operator, m.source, m.service, m.description, m.rank, m.dematerialization,
  m.unlisted, m.responsible, m.phone, m.state, m.successor,
  ARRAY(SELECT t.practitioner FROM mailbox_attachment t WHERE t.address = m.address ORDER BY 1, t.organization),
  ARRAY(SELECT t.organization FROM mailbox_attachment t WHERE t.address = m.address ORDER BY t.practitioner, 1)
FROM (SELECT DISTINCT ON (object_key) object_key, after FROM audit WHERE object_kind = 'mailbox'
      ORDER BY object_key, sequence DESC) a
JOIN mailbox m ON m.address = a.object_key AND m.source = 'api'
"""
WITHOUT_ACT = """
SELECT address FROM mailbox m WHERE source = 'api' AND operator IS NOT NULL
  AND NOT EXISTS (SELECT FROM audit WHERE object_kind = 'mailbox' AND object_key = m.address)
"""
TWICE = """
SELECT request_id, object_key, count(*) FROM audit WHERE object_kind = 'mailbox' AND request_id IS NOT NULL
GROUP BY request_id, object_key, after HAVING count(*) > 1
"""
UNLISTED_DOMAIN = """
SELECT p.key FROM publication p JOIN mailbox m ON p.kind = 'mailbox' AND m.address = p.key
WHERE (SELECT loaded FROM source WHERE name = 'liste_blanche')
  AND NOT EXISTS (SELECT FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
                  JOIN operator o ON o.id = c.operator AND o.state <> 'left'
                  WHERE d.name = m.domain AND coalesce(m.operator, o.id) = o.id)
"""
HIDDEN = "SELECT address FROM mailbox WHERE state <> 'withdrawn' AND (unlisted OR state = 'suspended')"
SHOWN = """
SELECT document FROM publication UNION ALL SELECT key FROM mailbox_search UNION ALL SELECT alias FROM alias
UNION ALL SELECT address FROM withdrawn UNION ALL SELECT successor FROM withdrawn WHERE successor IS NOT NULL
"""
PLANS = "SELECT 'import_run_' || number FROM import_run WHERE state IN ('planned', 'refused')"
OPEN_RUNS = "SELECT id FROM import_run WHERE state IN ('waiting', 'running')"


@dataclass(frozen=True)
class Looked:
    """What is looked at: an installation, a connection to its database, and what its processes logged."""

    settings: Settings
    connection: Connection
    words: str


def assert_world(settings: Settings, words: str = "") -> None:
    """Raise AssertionError with every invariant that does not hold."""
    broken = broken_in(settings, words)
    assert not broken, "\n".join(broken)


def broken_in(settings: Settings, words: str = "") -> list[str]:
    """The invariants that do not hold, and how it shows. The tree is looked at where LDAP is enabled.

    `words`: what the processes logged. Nobody may be writing. Leaves a key and its act behind.
    """
    found = []
    with connect(settings, autocommit=True) as connection:
        for name, check in CHECKS.items():
            try:
                check(Looked(settings, connection, words))
            except AssertionError as error:
                found.append(f"{name}: {error}")
    return found


def trail_is_whole(looked: Looked) -> None:
    found = verify(looked.connection)
    assert found.is_whole, found.faults
    assert looked.connection.execute(WITHOUT_ACT).fetchall() == []
    for after, *values, persons, structures in looked.connection.execute(LAST_ACTS).fetchall():
        names = [name for name in Row.__dataclass_fields__ if name != "holders"]
        holders = tuple(map(Holder, persons, structures))
        row = replace(Row("", "", None, "", holders), **dict(zip(names, values, strict=True)))
        assert row.digest == after, f"{row.address} is not as its last act left it"


def no_request_had_two_effects(looked: Looked) -> None:
    assert looked.connection.execute(TWICE).fetchall() == []


def publication_is_the_rule(looked: Looked) -> None:
    publication.assert_world(looked.connection)


def who_follows_has_it_all(looked: Looked) -> None:
    """The whole feed, read page by page over the API of these settings."""
    published = {
        (kind, key): fingerprint.hex()
        for kind, key, fingerprint in looked.connection.execute("SELECT kind, key, fingerprint FROM publication")
    }
    assert followed(looked.settings) == published


def followed(settings: Settings) -> dict[Name, str]:
    """The fingerprints that a copy holds which followed the feed from its beginning, by kind and key."""
    copy: dict[Name, str] = {}
    seen, cursor = 0, None
    with feed(settings) as page_after:
        while True:
            page = page_after(cursor, PAGE)
            for item in page["items"]:
                seen += 1
                assert item["sequence"] == seen, f"after change {seen - 1} comes {item['sequence']}"
                take(copy, item)
            cursor = page["next"]
            if seen == page["edition"]:
                return copy


@contextmanager
def feed(settings: Settings) -> Iterator[PageAfter]:
    """The feed as the API of these settings gives it: a page after a cursor (None: from the beginning), of a limit."""
    pepper = SecretStr("the pepper of who looks")
    with connect(settings) as connection:
        _, key = issue(connection, pepper, "who looks", ("read",), None)
    ours = settings.model_copy(update={"key_pepper": pepper, "database_pool": 2, "log_level": "error"})
    with serving(ours) as served:

        def page_after(cursor: str | None, limit: int) -> dict[str, Any]:
            url = f"/v1/changes?limit={limit}" + (f"&after={cursor}" if cursor else "")
            answer = served.run(ask(served.apps[0], "GET", url, [("Authorization", f"Bearer {key}")]))
            assert answer.status == 200, answer.body
            page: dict[str, Any] = answer.json
            return page

        yield page_after


def take(copy: dict[Name, str], item: dict[str, Any]) -> None:
    """What a follower does with an item. A put whose row is gone since has no resource: its delete follows."""
    name = item["kind"], item["key"]
    if "resource" in item:
        copy[name] = item["resource"]["fingerprint"]
    else:
        copy.pop(name, None)


def tree_is_the_publication(looked: Looked) -> None:
    if looked.settings.ldap_enabled:
        found = verify_tree(looked.settings)
        assert found.is_equal, found.differences


def domains_are_listed(looked: Looked) -> None:
    assert looked.connection.execute(UNLISTED_DOMAIN).fetchall() == []


def hidden_is_nowhere(looked: Looked) -> None:
    hidden = {address for (address,) in looked.connection.execute(HIDDEN)}
    for (text,) in looked.connection.execute(SHOWN):
        assert not hidden.intersection(ADDRESS.findall(text)), text
    assert not hidden.intersection(ADDRESS.findall(looked.words.lower()))


def nothing_is_half_done(looked: Looked) -> None:
    nothing_waits(looked.connection)


def nothing_waits(connection: Connection) -> None:
    """No mark, no open run, and no tables of a run but those of a plan, which stay until it is too old."""
    assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    assert connection.execute(OPEN_RUNS).fetchall() == []
    assert set(connection.execute(LEFT_BEHIND).fetchall()) <= set(connection.execute(PLANS).fetchall())


CHECKS = {
    "I2, I9": trail_is_whole,
    "I3": no_request_had_two_effects,
    "I4": publication_is_the_rule,
    "I4, followed": who_follows_has_it_all,
    "I5": tree_is_the_publication,
    "I6": domains_are_listed,
    "I7": hidden_is_nowhere,
    "I8": nothing_is_half_done,
}
