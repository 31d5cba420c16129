"""All that is kept of one person, for the answer to that person (GDPR article 15): public, hidden and past alike.

What names nobody is not in it: the log of consultations holds no names, budgets hold hashes of a day. Files beside the
database (snapshots, spool, backups) hold copies of what is in it.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app.access.audit import append, by_command
from app.console import Refused
from app.identifiers import practitioner_keys
from app.imports.workspace import KEPT

Connection = psycopg.Connection[Any]
STATEMENT = (Path(__file__).parent / "kept.sql").read_text(encoding="utf-8")
# The lines of the last national file of each source, kept to read the next one faster.
KEPT_FILES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind = 'r' AND c.relname <> 'whole' AND c.relname NOT LIKE '%%\\_order' ORDER BY 1
"""
LINES = "SELECT to_jsonb(x) - 'digest' FROM {} x WHERE position(%s IN x::text) > 0"


def export(connection: Connection, asked: str) -> tuple[str, dict[str, list[Any]]]:
    """The national identification of the person asked for, and the rows of each table that hold something of hers.

    Noted in the audit trail, in the transaction of the caller. Raises Refused (person.unknown).
    """
    keys = practitioner_keys(asked)
    person = str(keys[0]) if keys else ""
    kept: dict[str, list[Any]] = defaultdict(list)
    if person:
        given = {"person": person, "number": person[1:]}
        for table, row in connection.execute(STATEMENT.encode(), given):
            kept[table].append(row)
        for (table,) in connection.execute(KEPT_FILES, [KEPT]).fetchall():
            lines = connection.execute(sql.SQL(LINES).format(sql.Identifier(KEPT, table)), [person[1:]])
            kept[f"{KEPT}.{table}"].extend(row for (row,) in lines)
    found = {table: rows for table, rows in kept.items() if rows}
    if not found:
        raise Refused(f"nothing is kept of a person {asked}", "person.unknown")
    rows = sum(map(len, found.values()))
    append(connection, by_command("person.exported", "practitioner", person, detail=f"{rows} rows for subject access"))
    return person, found
