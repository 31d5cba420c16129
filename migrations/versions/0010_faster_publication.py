"""Documents at two thirds of the cost, and a publish() that writes only what changes."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = (
    "document_text(text, timestamptz, bigint, timestamptz)",
    "coded_by(text, text)",
    "as_set(text[])",
    "sorted_set(text[])",
    "any_name_key(text)",
)
# Of 0008, whose views were their only users.
UNUSED = ("plain_key(text)", "uncoded(text)")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0010_faster_views.sql")
    sql_files.run("0010_faster_publish.sql")
    for signature in UNUSED:
        op.execute(f"DROP FUNCTION {signature}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for name in ("0001_functions.sql", "0008_views.sql", "0003_publish.sql"):
        sql_files.restore(name)
    op.execute("DROP VIEW organization_stated")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
