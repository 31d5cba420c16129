"""Whatever column of the registry changes, publishing the row's own id brings every document up to date."""

from typing import Any

import psycopg
import pytest

from tests.harness.database import Database
from tests.publication.world import assert_world, build, drain

# Table → what a writer marks when it touches a row of it.
MARKS = {
    "practitioner": ("practitioner", "national_id"),
    "practice": ("practitioner", "practitioner"),
    "skill": ("practitioner", "practitioner"),
    "practitioner_role": ("practitioner", "practitioner"),
    "organization_record": ("organization", "organization"),
    "mailbox": ("mailbox", "address"),
    "mailbox_attachment": ("mailbox", "address"),
    "domain": ("domain", "name"),
    "operator": ("operator", "id"),
    "operator_certificate": ("operator", "operator"),
}
# Columns under a constraint take a value that is allowed there.
VALUES = {
    ("practitioner", "register_state"): "'closed'",
    ("mailbox", "state"): "'suspended'",
    ("mailbox", "type"): "'APP'",
    # What an operator wrote no run writes.
    ("mailbox", "source"): "CASE source WHEN 'api' THEN 'api' ELSE 'delta' END",
    ("mailbox", "changed_run"): "CASE WHEN source <> 'api' THEN 1 END",
    ("mailbox", "operator"): "'300000001800010'",
    ("organization_record", "kind"): "'LEGAL_ENTITY'",
    ("practitioner_role", "organization"): "'300000001800028'",
    ("mailbox_attachment", "organization"): "'300000001800028'",
    ("operator", "state"): "'left'",
    ("operator", "source"): "'admin'",
}
# A writer that moves a row to another holder marks both; a key never changes in place.
NOT_IN_PLACE = {
    ("mailbox", "domain"),
    ("mailbox_attachment", "address"),
    ("mailbox_attachment", "practitioner"),
    ("practitioner_role", "practitioner"),
    ("practitioner_role", "profession"),
    ("practitioner_role", "category"),
    ("operator_certificate", "operator"),
}
BY_TYPE = {
    "text": "coalesce({column}, '') || 'X'",
    "boolean": "NOT coalesce({column}, false)",
    "integer": "coalesce({column}, 0) + 1",
    "date": "DATE '2020-02-29'",
    "timestamp with time zone": "TIMESTAMPTZ '2020-02-29T00:00Z'",
    "ARRAY": "array_append({column}, 'X')",
}

COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type
FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.table_name = ANY (%s)
  AND NOT EXISTS (SELECT FROM information_schema.key_column_usage k
                  WHERE k.table_name = c.table_name AND k.column_name = c.column_name
                    AND k.constraint_name LIKE 'pk_%%')
ORDER BY 1, c.ordinal_position
"""


def changes(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    rows = connection.execute(COLUMNS, (list(MARKS),)).fetchall()
    return [
        (table, column, VALUES.get((table, column)) or BY_TYPE[kind].format(column=column))
        for table, column, kind in rows
        if (table, column) not in NOT_IN_PLACE
    ]


def test_each_column_changed_once_leaves_no_document_behind(database: Database) -> None:
    connection = database.connect()
    build(connection)
    tried = changes(connection)
    assert len(tried) > 60
    connection.commit()
    for table, column, value in tried:
        kind, key = MARKS[table]
        connection.execute(
            f"WITH touched AS (UPDATE {table} SET {column} = {value} RETURNING {key} AS key)"
            f" INSERT INTO pending (kind, key) SELECT DISTINCT '{kind}', key FROM touched"
        )
        connection.commit()
        drain(connection)
        try:
            assert_world(connection)
        except AssertionError as error:
            pytest.fail(f"{table}.{column} = {value} leaves a stale document: {error}")
        connection.commit()


@pytest.mark.parametrize("source", ["liste_blanche", "savoir_faire"])
def test_a_source_that_becomes_loaded_changes_every_document_it_rules(database: Database, source: str) -> None:
    connection = database.connect()
    build(connection)
    connection.execute("UPDATE source SET loaded = NOT loaded WHERE name = %s", (source,))
    connection.execute("INSERT INTO pending (kind, key) VALUES ('source', %s)", (source,))
    connection.commit()
    drain(connection)
    assert_world(connection)


@pytest.mark.parametrize("table", ["skill", "practitioner_role", "mailbox_attachment", "organization_record", "domain"])
def test_a_row_removed_leaves_no_document_behind(database: Database, table: str) -> None:
    connection = database.connect()
    build(connection)
    kind, key = MARKS[table]
    # Who is detached is marked too: afterwards the registry no longer tells that there was a link.
    connection.execute(
        f"INSERT INTO pending (kind, key) SELECT d.to_kind, d.to_key FROM {table} t"
        f" JOIN dependent d ON d.kind = '{kind}' AND d.key = t.{key}"
    )
    connection.execute(
        f"WITH gone AS (DELETE FROM {table} RETURNING {key} AS key)"
        f" INSERT INTO pending (kind, key) SELECT '{kind}', key FROM gone"
    )
    connection.commit()
    drain(connection)
    assert_world(connection)
