"""The national code systems that we ship, and which field takes its codes from which of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.terminology import tables

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    metadata = sa.MetaData()
    systems, codes, bindings = (
        sa.Table(name, metadata, autoload_with=op.get_bind()) for name in ("code_system", "code", "code_binding")
    )
    op.bulk_insert(systems, [{"id": system, "oid": tables.OIDS.get(system)} for system in tables.systems()])
    op.bulk_insert(codes, [dict(row._asdict()) for system in tables.systems() for row in tables.codes(system)])
    op.bulk_insert(
        bindings,
        [
            {"value_set": value_set, "system": system, "priority": priority}
            for value_set, bound in tables.BINDINGS.items()
            for priority, system in enumerate(bound, start=1)
        ],
    )
    # Nothing is published yet, so no document shows a label: the marks that the trigger left mean nothing.
    op.execute("DELETE FROM pending")
    op.execute(
        "INSERT INTO source (name)"
        " VALUES ('finess'), ('liste_blanche'), ('mssante'), ('personne_activite'), ('savoir_faire')"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for table in ("source", "code_binding", "code", "code_system"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - four names of ours
