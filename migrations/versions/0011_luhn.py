"""Check digits by a table of 100 sums."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0011_luhn.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0011_luhn_before.sql")
