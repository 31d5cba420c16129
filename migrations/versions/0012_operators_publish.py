"""Operators publish: who is calling, the trust space and its conformity files, writes, moves, audit and budgets."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Each has a file that makes it, and one, `…_down`, that takes it away; publish() has taken the place of an earlier one.
PARTS = ("audit", "access", "trust", "writes", "moves", "budgets")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for part in PARTS:
        sql_files.run(f"0012_{part}.sql")
    sql_files.run("0012_publish.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for part in reversed(PARTS):
        sql_files.run(f"0012_{part}_down.sql")
        if part == "moves":
            sql_files.restore("0010_faster_publish.sql")
