"""The SQL of the migrations that create functions and views stands in files of its own, readable as SQL."""

from contextlib import closing
from pathlib import Path

from alembic import op

DIRECTORY = Path(__file__).parent / "sql"


def run(name: str) -> None:
    """Execute one SQL file, as it is, on the migration's connection."""
    _execute(_text(name))


def restore(name: str) -> None:
    """Execute one SQL file again, to take its functions and views back where a later migration replaced them."""
    _execute(_text(name).replace("CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION "))


def _text(name: str) -> str:
    return (DIRECTORY / name).read_text(encoding="utf-8")


def _execute(text: str) -> None:
    # The driver's own cursor: the text holds colons and percent signs that no layer may take for parameters.
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None, "migrations run online only"  # noqa: S101 - narrows the type
    with closing(connection.cursor()) as cursor:
        cursor.execute(text)
