"""The digest: equal content, equal root, whatever the history."""

from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from app.publication.digest import root, root_of
from tests.harness.database import Database
from tests.publication.world import build, drain


def rows(connection: psycopg.Connection[Any]) -> list[tuple[str, str, bytes]]:
    return connection.execute("SELECT kind, key, fingerprint FROM publication").fetchall()


def test_the_holder_of_a_copy_computes_the_same_root(database: Database) -> None:
    connection = database.connect()
    build(connection)
    assert root(connection).root == root_of(rows(connection))
    assert root(connection).edition == 12


def test_content_that_comes_back_gives_the_root_of_before(database: Database) -> None:
    connection = database.connect()
    build(connection)
    before = root(connection)
    for service in ("'AUTRE'", "'CARDIOLOGIE'"):
        connection.execute(f"UPDATE mailbox SET service = {service} WHERE address = 'anne@ch-exemple.mssante.fr'")
        connection.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', 'anne@ch-exemple.mssante.fr')")
        connection.commit()
        drain(connection)
    after = root(connection)
    assert (after.root, after.edition) == (before.root, before.edition + 4)


ROWS = st.lists(
    st.tuples(st.sampled_from(["mailbox", "practitioner"]), st.text(max_size=8), st.binary(min_size=32, max_size=32)),
    unique_by=lambda row: row[:2],
    max_size=5,
)


@settings(max_examples=20)
@given(ROWS, st.randoms())
def test_the_root_depends_on_the_rows_alone(content: list[tuple[str, str, bytes]], chance: Any) -> None:
    shuffled = list(content)
    chance.shuffle(shuffled)
    assert root_of(shuffled) == root_of(content)
    if content:
        assert root_of(content[1:]) != root_of(content)
