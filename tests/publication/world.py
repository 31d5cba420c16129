"""The small world, and the one check that the publication is exactly what the rule says."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

WORLD = (Path(__file__).parent / "world.sql").read_text(encoding="utf-8")
NOT_IN_BODY = ("published_at", "sequence", "updated_at")

FULL = """
SELECT 'mailbox' AS kind, key, body FROM published_mailbox
UNION ALL SELECT 'organization', key, body FROM published_organization
UNION ALL SELECT 'practitioner', key, body FROM published_practitioner
"""

# What the dictionary of names must be, made anew from the names that are published.
DICTIONARY = {
    "name_token": """
      SELECT n.part, t.token, n.name
      FROM (SELECT 'family' AS part, family_key AS name FROM practitioner_search
            UNION SELECT 'given', given_key FROM practitioner_search) n
      CROSS JOIN LATERAL name_tokens(n.name) AS t (token)""",
    "name_word": "SELECT DISTINCT t.part, t.token, name_sound(t.token) FROM name_token t",
    "name_deletion": """
      SELECT w.part, d.form, w.word FROM name_word w CROSS JOIN LATERAL name_deletions(w.word) AS d (form)""",
}


def build(connection: psycopg.Connection[Any]) -> None:
    """The small world, published."""
    connection.execute(WORLD)
    connection.commit()
    drain(connection)


def drain(connection: psycopg.Connection[Any]) -> None:
    """Publish all marks; the number of portions is bounded, so that a drain that feeds itself fails."""
    for _ in range(1_000):
        row = connection.execute("SELECT taken FROM drain(50)").fetchone()
        connection.commit()
        if row == (0,):
            return
    raise AssertionError("pending never becomes empty")


def canonical(document: str) -> str:
    """The document without what differs between installs, as RFC 8785 writes it (strings, integers, booleans, null)."""
    value = json.loads(document)
    for name in NOT_IN_BODY:
        del value[name]
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def assert_world(connection: psycopg.Connection[Any]) -> None:
    """Documents, fingerprints, search rows, aliases and log are exactly what a full recompute of the rule gives."""
    published = {
        (kind, key): (document, fingerprint, sequence)
        for kind, key, document, fingerprint, sequence in connection.execute(
            "SELECT kind, key, document, fingerprint, sequence FROM publication"
        )
    }
    expected = {(kind, key): body for kind, key, body in connection.execute(FULL)}
    assert {name: canonical(row[0]) for name, row in published.items()} == expected
    assert {name: row[1] for name, row in published.items()} == {
        name: sha256(body.encode()).digest() for name, body in expected.items()
    }
    log = connection.execute("SELECT sequence, kind, key, operation FROM change ORDER BY sequence").fetchall()
    edition = connection.execute("SELECT edition FROM directory").fetchone()
    assert edition is not None
    assert [row[0] for row in log] == list(range(1, edition[0] + 1))
    last = {(kind, key): (sequence, operation) for sequence, kind, key, operation in log}
    assert {name: row[2] for name, row in published.items()} == {
        name: sequence for name, (sequence, operation) in last.items() if operation == "put"
    }
    for kind in ("mailbox", "practitioner", "organization"):
        rows = connection.execute(f"SELECT DISTINCT key FROM {kind}_search").fetchall()
        assert {key for (key,) in rows} == {key for k, key in expected if k == kind}
    aliases = connection.execute("SELECT DISTINCT kind, key FROM alias").fetchall()
    assert set(aliases) <= set(expected)
    withdrawn = {address for (address,) in connection.execute("SELECT address FROM withdrawn")}
    hidden = "SELECT address FROM mailbox WHERE unlisted OR state = 'suspended'"
    assert not withdrawn & {address for (address,) in connection.execute(hidden)}
    assert not withdrawn & {key for kind, key in expected if kind == "mailbox"}
    assert_dictionary(connection)


def assert_dictionary(connection: psycopg.Connection[Any]) -> None:
    """The dictionary holds every word of a published name, and no other."""
    for table, expected in DICTIONARY.items():
        held = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
        assert held == sorted(connection.execute(expected).fetchall())
