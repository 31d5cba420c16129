"""Plans that are kept, applied and undone: who changed each registry row, what a run would change, guards as data."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import sql_files

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

REGISTRY = (
    "domain",
    "file_label",
    "mailbox",
    "mailbox_attachment",
    "operator",
    "operator_certificate",
    "organization",
    "organization_record",
    "practice",
    "practitioner",
    "practitioner_role",
    "skill",
)
STATES = "state IN ('planned', 'applied', 'refused', 'undone', 'failed'{})"
# (source, guard, level, limit): shares are between 0 and 1, the rest are numbers of rows; '*' stands for every source.
GUARDS = (
    ("*", "changes", "refuse", 0.1),
    ("*", "check_digits", "refuse", 0.01),
    ("*", "file_shrank", "refuse", 0.05),
    ("*", "column_missing", "warn", 0),
    ("*", "older_file", "refuse", 0),
    ("*", "rejected_lines", "warn", 0.001),
    ("*", "same_file", "warn", 0),
    ("*", "shrink", "refuse", 0.05),
    ("*", "unknown_codes", "refuse", 1000),
    ("liste_blanche", "changes", "refuse", 0.3),
    ("mssante", "domain_losses", "refuse", 6),
    ("mssante", "operator_losses", "refuse", 6),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for table in REGISTRY:
        op.add_column(table, sa.Column("created_run", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("changed_run", sa.Integer(), nullable=True))
    _runs()
    _changes()
    guard = op.create_table(
        "import_guard",
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.CheckConstraint("level IN ('refuse', 'warn', 'off')", name=op.f("ck_import_guard_level")),
        sa.CheckConstraint("threshold >= 0", name=op.f("ck_import_guard_threshold")),
        sa.PrimaryKeyConstraint("source", "name", name=op.f("pk_import_guard")),
    )
    op.bulk_insert(
        guard,
        [{"source": source, "name": name, "level": level, "threshold": limit} for source, name, level, limit in GUARDS],
    )
    _pending_kinds("'mailbox', 'organization', 'practitioner', 'domain', 'operator', 'source', 'registry'")
    op.execute("CREATE SCHEMA import_kept")
    # Unlogged as the lines are: a crash that empties them empties what says that they are whole.
    op.execute("CREATE UNLOGGED TABLE import_kept.whole (source text PRIMARY KEY, run integer NOT NULL)")
    sql_files.run("0007_import_plans.sql")
    for table in REGISTRY:
        op.execute(
            f"CREATE TRIGGER forget_run BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (NEW.changed_run IS NOT DISTINCT FROM OLD.changed_run AND OLD.changed_run IS NOT NULL)"
            " EXECUTE FUNCTION forget_run()"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for table in REGISTRY:
        op.execute(f"DROP TRIGGER forget_run ON {table}")
        op.drop_column(table, "changed_run")
        op.drop_column(table, "created_run")
    op.execute("DROP FUNCTION plain_city(text)")
    op.execute("DROP FUNCTION siret_plainly_valid(text)")
    op.execute("DROP FUNCTION is_rpps_form(text)")
    op.execute("DROP FUNCTION mainland_department(text)")
    op.execute("DROP FUNCTION luhn_rest(bigint)")
    op.execute("SELECT spread_registry_mark()")
    op.execute("DROP FUNCTION spread_registry_mark()")
    _pending_kinds("'mailbox', 'organization', 'practitioner', 'domain', 'operator', 'source'")
    op.execute("DROP FUNCTION forget_run()")
    op.execute("DROP SCHEMA import_kept CASCADE")
    op.drop_table("import_guard")
    op.drop_index(op.f("ix_import_change_run_entity_kind_entity_key"), table_name="import_change")
    op.drop_table("import_change")
    for column in ("encoding", "layout", "lines"):
        op.drop_column("source", column)
    op.drop_constraint(op.f("ck_import_run_state"), "import_run", type_="check")
    op.execute("UPDATE import_run SET state = 'failed' WHERE state IN ('waiting', 'running')")
    op.create_check_constraint(op.f("ck_import_run_state"), "import_run", STATES.format(""))
    op.drop_constraint(op.f("uq_import_run_number"), "import_run", type_="unique")
    for added in _run_columns():
        op.drop_column("import_run", added.name)


def _pending_kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_pending_kind"), "pending", type_="check")
    op.create_check_constraint(op.f("ck_pending_kind"), "pending", f"kind IN ({kinds}) OR kind LIKE 'code/%'")


def _run_columns() -> list[sa.Column[object]]:
    instant = postgresql.TIMESTAMP(timezone=True)
    return [
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("base", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("layout", sa.Text(), nullable=True),
        sa.Column("encoding", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("staged", sa.Integer(), nullable=True),
        sa.Column("bulk", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("stages", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("planned_by", sa.Text(), nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("applied_at", instant, nullable=True),
        sa.Column("undone_at", instant, nullable=True),
        sa.Column("edition_undone", sa.BigInteger(), nullable=True),
        sa.Column("spool", sa.Text(), nullable=True),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("wish_guards", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("wish_by", sa.Text(), nullable=True),
    ]


def _runs() -> None:
    for column in _run_columns():
        op.add_column("import_run", column)
    op.create_unique_constraint(op.f("uq_import_run_number"), "import_run", ["number"])
    op.drop_constraint(op.f("ck_import_run_state"), "import_run", type_="check")
    op.create_check_constraint(op.f("ck_import_run_state"), "import_run", STATES.format(", 'waiting', 'running'"))
    op.add_column("source", sa.Column("layout", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("encoding", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("lines", sa.Integer(), nullable=True))


def _changes() -> None:
    op.create_table(
        "import_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(collation="C"), nullable=False),
        sa.Column("entity_kind", sa.Text(collation="C"), nullable=False),
        sa.Column("entity_key", sa.Text(collation="C"), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_seen", sa.Boolean(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("action IN ('create', 'update', 'close', 'delete')", name=op.f("ck_import_change_action")),
        sa.ForeignKeyConstraint(["run"], ["import_run.number"], name=op.f("fk_import_change_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_change")),
    )
    op.create_index(
        op.f("ix_import_change_run_entity_kind_entity_key"), "import_change", ["run", "entity_kind", "entity_key"]
    )
