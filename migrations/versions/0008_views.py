"""Views that look labels up by themselves, and structures as an administrator states them."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0008_views.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0008_views_before.sql")
