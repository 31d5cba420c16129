"""Which code a database serves: the code whose migrations made its schema, and older code that these leave in service.

A migration that only adds says `compatible_with = "…"`: the oldest schema whose code may go on beside it. What follows
for the schema as a whole stands as a comment on alembic_version, written in the transaction of each migration, so that
older code, which does not have the newer migrations, can read it:

    {"schema": "0017", "serves": ["0017", "0016"]}

Code never runs on a schema older than its own: schema first, then processes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError

import migrations
from app.console import Refused, one_line

LOCATION = Path(migrations.__file__ or "").parent
LOOK = """
SELECT ARRAY(SELECT version_num FROM alembic_version), obj_description('alembic_version'::regclass, 'pg_class')
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database says of its schema: its revisions (none: it is empty), and the comment on them."""

    revisions: tuple[str, ...]
    comment: str | None

    def serves(self, wanted: Sequence[str]) -> bool:
        """Whether code that expects these revisions may run on it."""
        return set(self.revisions) == set(wanted) or (bool(wanted) and set(wanted) <= self._declared())

    def _declared(self) -> set[str]:
        """What the comment promises, when it is of the present schema; nobody else's comment promises anything."""
        try:
            said = json.loads(self.comment or "")
            return set(said["serves"]) if [said["schema"]] == list(self.revisions) else set()
        except (ValueError, KeyError, TypeError):
            return set()


def scripts() -> ScriptDirectory:
    """The migrations of this code."""
    config = Config()
    config.set_main_option("script_location", str(LOCATION))
    return ScriptDirectory.from_config(config)


def look(connection: psycopg.Connection[Any]) -> Standing:
    """What the database of this connection says."""
    found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    row = connection.execute(LOOK.encode()).fetchone() if found and found[0] else None
    return Standing(tuple(row[0]), row[1]) if row else Standing((), None)


def missing(standing: Standing, directory: ScriptDirectory | None = None) -> list[str]:
    """Revisions of the code that the database has not had yet, oldest first; none on a newer schema that serves it.

    Raises Refused (schema.unknown): a newer annuaire made it, and does not promise to serve this code.
    """
    directory = directory or scripts()
    if standing.serves(directory.get_heads()):
        return []
    try:
        done = {step.revision for each in standing.revisions for step in directory.iterate_revisions(each, "base")}
    except (CommandError, RevisionError) as error:
        raise unknown(error) from error
    return [step.revision for step in reversed(list(directory.walk_revisions())) if step.revision not in done]


def require_served(connection: psycopg.Connection[Any]) -> None:
    """Raises Refused (schema.unknown, schema.older): this code must not run on the schema of this database."""
    if left := missing(look(connection)):
        raise Refused(
            f"the database has an older schema than this code ({', '.join(left)} not applied): run annuaire db upgrade",
            "schema.older",
        )


def unknown(error: Exception) -> Refused:
    """What to tell of a revision that none of our migrations made."""
    return Refused(
        f"the database has a schema that this code does not know ({one_line(error)}): a newer annuaire made it; "
        "run that one, or use another database or --data-dir",
        "schema.unknown",
    )


def served(directory: ScriptDirectory, revision: str) -> list[str]:
    """The revisions whose code may run on the schema of `revision`, newest first.

    Code must be served by every migration that came after it. Raises ValueError: a migration names no earlier one.
    """
    chain = [step.revision for step in directory.iterate_revisions(revision, "base")]
    reach, found = len(chain), list[str]()
    for place, each in enumerate(chain):
        if place > reach:
            break
        found.append(each)
        floor = getattr(directory.get_revision(each).module, "compatible_with", None)
        if floor is not None and floor not in chain[place + 1 :]:
            raise ValueError(f"migration {each} is compatible with {floor}, which comes not before it")
        reach = min(reach, place if floor is None else chain.index(floor))
    return found


def comment(directory: ScriptDirectory, revision: str) -> str:
    """What is written on alembic_version at this revision."""
    return json.dumps({"schema": revision, "serves": served(directory, revision)})
