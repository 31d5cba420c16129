"""Another history begins before the first write of a restored directory, whoever writes it."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

compatible_with: str | None = "0014"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    sql_files.run("0015_epoch.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    sql_files.run("0015_epoch_down.sql")
