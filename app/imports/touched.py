"""What a file touches: the entities that a line that came or went speaks of, and all their current lines."""

from psycopg import sql

from app.imports.sources.description import Entity, Source
from app.imports.workspace import Cursor, kept

TOUCHED = """
CREATE UNLOGGED TABLE {touched} AS
SELECT {key} AS key FROM stage WHERE {key} IS NOT NULL
UNION SELECT {key} FROM {kept} l JOIN gone_line g ON g.place = l.ctid WHERE {key} IS NOT NULL
"""
# What the lines that came say, less what the lines that went said, and the other way round.
TOUCHED_CELLS = """
CREATE UNLOGGED TABLE {touched} AS
WITH came AS (SELECT {said} FROM stage WHERE {key} IS NOT NULL),
     went AS (SELECT {said} FROM {kept} l JOIN gone_line g ON g.place = l.ctid WHERE {key} IS NOT NULL)
SELECT DISTINCT {key} AS key FROM (
  (SELECT * FROM came EXCEPT ALL SELECT * FROM went)
  UNION ALL (SELECT * FROM went EXCEPT ALL SELECT * FROM came)) differing
"""


def touch(cursor: Cursor, source: Source) -> None:
    """Every entity that a new line or a lost one speaks of."""
    table = kept(source)
    # Of equal lines only as many go as were lost.
    cursor.execute(
        sql.SQL(
            "CREATE UNLOGGED TABLE gone_line AS SELECT place FROM ("
            " SELECT l.ctid AS place, row_number() OVER (PARTITION BY l.digest) AS copy, g.copies"
            " FROM (SELECT digest, count(*) AS copies FROM gone_digest GROUP BY digest) g"
            " JOIN {} l ON l.digest = g.digest) found WHERE copy <= copies"
        ).format(table)
    )
    cursor.execute("ANALYZE gone_line")
    for entity in source.entities:
        touched = sql.Identifier(f"touched_{entity.name}")
        key = sql.Identifier(f"key_{entity.name}")
        said = sql.SQL(", ").join([key, *map(sql.Identifier, entity.cells)])
        statement = TOUCHED_CELLS if entity.cells else TOUCHED
        cursor.execute(sql.SQL(statement).format(touched=touched, key=key, said=said, kept=table))
        cursor.execute(sql.SQL("ANALYZE {}").format(touched))


def gather_lines(cursor: Cursor, source: Source, entity: Entity, *, is_delta: bool) -> None:
    """Make `stage_<entity>`: all current lines of the entities touched, or of all that the file names."""
    names = {
        "lines": sql.Identifier(f"stage_{entity.name}"),
        "key": sql.Identifier(f"key_{entity.name}"),
        "touched": sql.Identifier(f"touched_{entity.name}"),
        "kept": kept(source),
        "fields": sql.SQL(", ").join(
            sql.Identifier(name)
            for name in (
                *(column.field for column in source.columns),
                *(f"key_{other.name}" for other in source.entities),
            )
        ),
    }
    if not is_delta:
        cursor.execute(sql.SQL("CREATE VIEW {lines} AS SELECT {key} AS key, {fields} FROM stage").format(**names))
        return
    cursor.execute(
        sql.SQL(
            "CREATE UNLOGGED TABLE {lines} AS SELECT {key} AS key, {fields} FROM stage"
            " WHERE {key} IN (SELECT key FROM {touched})"
            " UNION ALL SELECT l.{key}, {fields} FROM {touched} x JOIN {kept} l ON l.{key} = x.key"
            " WHERE NOT EXISTS (SELECT FROM gone_line g WHERE g.place = l.ctid)"
        ).format(**names)
    )
    cursor.execute(sql.SQL("ANALYZE {lines}").format(**names))
