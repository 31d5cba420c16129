"""Every operator reads the same directory: the feed's log in ranges, histories that are told apart, snapshots."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Each has a file that makes it, and one, `…_down`, that takes it away; publish() takes the place of the earlier one.
PARTS = ("feed", "snapshots", "digest", "lag", "push")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for part in PARTS:
        sql_files.run(f"0013_{part}.sql")
    sql_files.run("0013_publish.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0012_publish.sql")
    for part in reversed(PARTS):
        sql_files.run(f"0013_{part}_down.sql")
