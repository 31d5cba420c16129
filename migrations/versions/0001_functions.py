"""Functions that tables and views build on: name folding, places, digest slots."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = (
    "utc_text(timestamptz)",
    "place(text, text, text, text, text, text, text, text, text, text, text)",
    "organization_siret(text)",
    "organization_finess(text)",
    "category_rank(text)",
    "json_text(text)",
    "digest_slot(text, text)",
    "name_key(text)",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
    sql_files.run("0001_functions.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
