"""Find the right address: what the forgiving searches read; and what was left open before."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Each has a file that makes it, and one, `…_down`, that takes it away.
PARTS = ("names", "structures", "repairs")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for part in PARTS:
        sql_files.run(f"0014_{part}.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for part in reversed(PARTS):
        sql_files.run(f"0014_{part}_down.sql")
