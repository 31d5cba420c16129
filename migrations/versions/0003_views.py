"""The publication rule as views: what is visible, the documents, and who depends on whom."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

VIEWS = (
    "dependent",
    "near_dependent",
    "code_use",
    "own_mailbox",
    "published_practitioner",
    "published_organization",
    "published_mailbox",
    "practitioner_identity",
    "organization_summary",
    "visible_attachment",
    "shown_skill",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0002_views.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    for table in ("file_label", "code_binding", "code"):
        op.execute(f"DROP TRIGGER refresh_labels ON {table}")
    for function in ("refresh_labels()", "coded(text, text)", "label(text, text)"):
        op.execute(f"DROP FUNCTION {function}")
