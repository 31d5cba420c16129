"""publish() and drain(), and the first epoch."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0003_publish.sql")
    op.execute("INSERT INTO directory (epoch) VALUES (gen_random_uuid()::text)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("DROP FUNCTION drain(integer, integer)")
    op.execute("DROP FUNCTION publish(text[], text[], integer)")
    op.execute("DELETE FROM directory")
