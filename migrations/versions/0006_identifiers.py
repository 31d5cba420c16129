"""Functions that the imports need in SQL: checks of identifiers, keys, places, dates."""

from collections.abc import Sequence

from alembic import op

from migrations import sql_files

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = (
    "keep_unknown(regclass, regclass, text, text[])",
    "address_fault(text)",
    "date_of(text)",
    "country_of(text, text, text)",
    "city_of_line6(text)",
    "department_code(text)",
    "department_of(text, text)",
    "role_key(text, text, text, text, text, text, text, text)",
    "national_structure_id(text, text)",
    "structure_key(text, text, text, text)",
    "rpps_of(text)",
    "national_id_warning(text)",
    "national_id_fault(text)",
    "national_id_of(text, text, text)",
    "siret_valid(text)",
    "siret_of(text)",
    "finess_valid(text)",
    "finess_of(text)",
    "luhn_valid(text)",
    "luhn_pair(bigint)",
    "tidy(text)",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    sql_files.run("0006_identifiers.sql")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
