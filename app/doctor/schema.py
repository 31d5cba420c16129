"""Whether the database has the schema of this code."""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError
from sqlalchemy import NullPool, create_engine

from app.db import alembic_config, connect, schema_unknown, sqlalchemy_url
from app.doctor.finding import PATIENCE, Looks, Seen, well, wrong
from app.settings import Settings


def missing_migrations(database_url: str) -> list[str]:
    """Revisions of the code that the database has not had yet, oldest first. Raises Refused for a newer schema."""
    scripts = ScriptDirectory.from_config(alembic_config(database_url))
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool, connect_args={"connect_timeout": PATIENCE})
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    try:
        done = {script.revision for head in present for script in scripts.iterate_revisions(head, "base")}
    except (CommandError, RevisionError) as error:
        raise schema_unknown(error) from error
    return [script.revision for script in reversed(list(scripts.walk_revisions())) if script.revision not in done]


def _schema(settings: Settings) -> Seen:
    with connect(settings):  # its error is one line; that of the migrations' engine is a page
        missing = missing_migrations(settings.database_url)
    return wrong(f"not applied: {', '.join(missing)}", "run annuaire db upgrade") if missing else well("up to date")


LOOKS: Looks = {"schema": _schema}
