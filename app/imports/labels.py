"""Labels that files print for codes which no code system knows: each full file replaces what its source said before."""

from typing import Any

import psycopg
from psycopg import sql

from app.imports.sources.description import Label, Source

NEW_LABELS = sql.SQL("""
INSERT INTO new_label (value_set, code, label)
SELECT {value_set}, tidy(s.{code}), min(tidy(s.{label}) COLLATE "C")
FROM stage s
WHERE tidy(s.{code}) IS NOT NULL AND tidy(s.{label}) IS NOT NULL
  AND NOT EXISTS (SELECT FROM code c JOIN code_binding b ON b.system = c.system
                  WHERE b.value_set = {value_set} AND c.code = tidy(s.{code}))
GROUP BY tidy(s.{code})
""")
DIFFERS = """
SELECT FROM new_label n
FULL JOIN (SELECT * FROM file_label WHERE source = %(source)s AND value_set = ANY(%(sets)s)) f
  ON f.value_set = n.value_set AND f.code = n.code
WHERE n.label IS DISTINCT FROM f.label LIMIT 1
"""
REMOVE = """
DELETE FROM file_label f WHERE source = %(source)s AND value_set = ANY(%(sets)s)
  AND NOT EXISTS (SELECT FROM new_label n WHERE n.value_set = f.value_set AND n.code = f.code)
"""
WRITE = """
INSERT INTO file_label AS f (value_set, code, source, label) SELECT value_set, code, %(source)s, label FROM new_label
ON CONFLICT (value_set, code, source) DO UPDATE SET label = excluded.label WHERE f.label <> excluded.label
"""


def keep_labels(cursor: psycopg.Cursor[Any], source: Source, missing: frozenset[str]) -> None:
    """Bring `file_label` of this source in step with `stage`; triggers mark every code whose label changed.

    Rows that stay are not touched, else their codes would be marked each day. A label whose column the file lacks is
    unknown, so what is known stays.
    """
    present = [label for label in source.labels if not {label.code, label.label} & missing]
    cursor.execute("CREATE TEMP TABLE new_label (value_set text, code text, label text) ON COMMIT DROP")
    for label in present:
        cursor.execute(_new_labels(label))
    given = {"source": source.name, "sets": [label.value_set for label in present]}
    # The triggers of file_label judge all labels whenever a statement runs, even one that changes nothing.
    if cursor.execute(DIFFERS, given).fetchone() is not None:
        cursor.execute(REMOVE, given)
        cursor.execute(WRITE, given)


def _new_labels(label: Label) -> sql.Composed:
    return NEW_LABELS.format(
        value_set=sql.Literal(label.value_set), code=sql.Identifier(label.code), label=sql.Identifier(label.label)
    )
