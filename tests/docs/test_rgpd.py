"""docs/rgpd.md says what the code does, and every column of the database was looked at."""

import tomllib

from app.duties.kept import RULES
from tests.docs.markdown import ROOT
from tests.harness.database import Database

PAGE = ROOT / "docs" / "rgpd.md"
LISTED = tomllib.loads((ROOT / "docs" / "security" / "columns.toml").read_text("utf-8"))["tables"]
# Partitions have the columns of their table; the number of the schema is about nobody.
COLUMNS = """
SELECT c.relname, array_agg(a.attname::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version' GROUP BY c.relname
"""


def test_every_column_is_about_people_or_not(database: Database) -> None:
    with database.connect() as connection:
        found = {table: sorted(columns) for table, columns in connection.execute(COLUMNS)}
    listed = {table: sorted(f"{each['personal']} {each['other']}".split()) for table, each in LISTED.items()}
    assert found == listed, "say in docs/security/columns.toml what it is, and look at docs/rgpd.md and app/subjects"


def test_the_table_of_retention_is_that_of_the_rules() -> None:
    page = PAGE.read_text("utf-8")
    table = page.split("| Table | Kept | Done by |\n|---|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == [f"| `{kept.table}` | {kept.rule} | {kept.duty} |" for kept in RULES]


def test_what_has_a_rule_is_a_table() -> None:
    assert {kept.table for kept in RULES} <= set(LISTED)
