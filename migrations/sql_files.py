"""The SQL of the migrations that create functions and views stands in files of its own, readable as SQL."""

from contextlib import closing
from pathlib import Path

from alembic import op

DIRECTORY = Path(__file__).parent / "sql"


def run(name: str) -> None:
    """Execute one SQL file, as it is, on the migration's connection."""
    # The driver's own cursor: the text holds colons and percent signs that no layer may take for parameters.
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None, "migrations run online only"  # noqa: S101 - narrows the type
    with closing(connection.cursor()) as cursor:
        cursor.execute((DIRECTORY / name).read_text(encoding="utf-8"))
