"""Qualifications, code systems that files can renew, and what an admin's file needs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.terminology import tables
from migrations import sql_files

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = ("edited(text, text)", "answer_of(text)", "structure_of(text)", "person_of(text)")
# Tables that the import engine writes: it notes in each row which run did.
WRITTEN = ("code", "code_system", "qualification")
SOURCES = ("delta", "dipl_aut_exerc", "terminology")
VALUE_SET, SYSTEM = "diploma_type", "TRE_R14-TypeDiplome"
# A file of these holds what somebody chose to put in it: the one before says nothing of its size, age or columns.
# Limits that nothing exceeds; a file may be older than the last one, which is worth a word.
SILENT = {"file_shrank": 1, "column_missing": 500, "older_file": 0}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    key = sa.Text(collation="C")
    op.create_table(
        "qualification",
        sa.Column("practitioner", key, nullable=False),
        sa.Column("kind", key, nullable=False),
        sa.Column("type", key, nullable=False),
        sa.Column("code", key, nullable=False),
        sa.CheckConstraint("kind IN ('diploma', 'authorisation')", name=op.f("ck_qualification_kind")),
        sa.ForeignKeyConstraint(
            ["practitioner"], ["practitioner.national_id"], name=op.f("fk_qualification_practitioner_practitioner")
        ),
        sa.PrimaryKeyConstraint("practitioner", "kind", "type", "code", name=op.f("pk_qualification")),
    )
    for table in WRITTEN:
        op.add_column(table, sa.Column("created_run", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("changed_run", sa.Integer(), nullable=True))
        op.execute(
            f"CREATE TRIGGER forget_run BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (NEW.changed_run IS NOT DISTINCT FROM OLD.changed_run AND OLD.changed_run IS NOT NULL)"
            " EXECUTE FUNCTION forget_run()"
        )
    sql_files.run("0009_hand_made.sql")
    _add_diploma_types()
    for source in SOURCES:
        op.execute(f"INSERT INTO source (name) VALUES ('{source}')")  # noqa: S608 - three names of ours
    for source in ("delta", "terminology"):
        for guard, limit in SILENT.items():
            op.execute(
                "INSERT INTO import_guard (source, name, level, threshold)"  # noqa: S608 - names of ours
                f" VALUES ('{source}', '{guard}', 'warn', {limit})"
            )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("DELETE FROM import_guard WHERE source IN ('delta', 'terminology')")
    op.execute("DELETE FROM source WHERE name IN ('delta', 'dipl_aut_exerc', 'terminology')")
    op.execute(f"DELETE FROM code_binding WHERE value_set = '{VALUE_SET}'")  # noqa: S608 - a name of ours
    op.execute(f"DELETE FROM code WHERE system = '{SYSTEM}'")  # noqa: S608
    op.execute(f"DELETE FROM code_system WHERE id = '{SYSTEM}'")  # noqa: S608
    op.execute(f"DELETE FROM pending WHERE kind = 'code/{VALUE_SET}'")  # noqa: S608
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("qualification")
    for table in ("code", "code_system"):
        op.execute(f"DROP TRIGGER forget_run ON {table}")
        op.drop_column(table, "changed_run")
        op.drop_column(table, "created_run")


def _add_diploma_types() -> None:
    """Labels of the kinds of diploma. No document shows one, so that their marks mean nothing."""
    codes = [dict(row._asdict()) for row in tables.codes(SYSTEM)]
    op.execute(sa.text("INSERT INTO code_system (id) VALUES (:id)").bindparams(id=SYSTEM))
    metadata = sa.MetaData()
    op.bulk_insert(sa.Table("code", metadata, autoload_with=op.get_bind()), codes)
    op.execute(
        sa.text("INSERT INTO code_binding (value_set, system, priority) VALUES (:set, :system, 1)").bindparams(
            set=VALUE_SET, system=SYSTEM
        )
    )
    op.execute(f"DELETE FROM pending WHERE kind = 'code/{VALUE_SET}'")  # noqa: S608 - a name of ours
