"""Whom and what several files merely name: how they identify people, and the rows that a name alone earns.

A person whom only such a file names gets a row that nothing publishes (`named_practitioner.sql`); a structure its key.
"""

from app.imports.sources.description import Column, Entity, Mark, Target

PERSON_COLUMNS = (
    Column("id_type", ("type d'identifiant pp",)),
    Column("id", ("identifiant pp",)),
    Column("national_id", ("identification nationale pp",), required=True),
)
PERSON = Entity("practitioner", "national_id_of(national_id, id_type, id)")

NAMED_PRACTITIONER = Target(
    "practitioner",
    key=("national_id",),
    entity=Mark("practitioner", "national_id"),
    fields=("rpps", "register_state"),
    notes=("warnings",),
    is_missing=True,
    marks=(),
)
NAMED_ORGANIZATION = Target("organization", key=("key",), entity=Mark("organization", "key"), is_missing=True, marks=())
