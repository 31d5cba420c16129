"""National code systems (TRE, JDV): newer tables than those shipped, without a release.

A table adds codes and changes labels; a code that it no longer holds stays, since documents and older files use it. So
does one whose validity has ended. What a table means for documents is told by `code_binding`, which stays as it is.
"""

from app.imports.sources.description import Column, Entity, Mark, Source, Target
from app.imports.sources.sql_text import sql

COLUMNS = (
    Column("system", ("nom fichier", "table", "system"), required=True),
    Column("oid", ("oid",)),
    Column("code", ("code",), required=True),
    Column("label", ("libelle adapte", "libelle", "label"), required=True),
)

SOURCE = Source(
    name="terminology",
    rank=1,
    columns=COLUMNS,
    entities=(Entity("code_system", "system"),),
    reject=sql("terminology.reject"),
    state=sql("terminology.state"),
    targets=(
        Target("code_system", key=("id",), entity=Mark("code_system", "id"), notes=("oid",), marks=()),
        # Triggers mark what shows a label.
        Target("code", key=("system", "code"), entity=Mark("code_system", "system"), fields=("label",), marks=()),
    ),
    counted="code",
    counts_rows=True,
    lines_kept=False,
    is_partial=True,
)
