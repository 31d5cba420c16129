"""The national sources, one module each; `SOURCES` in the order in which the files of one command are applied."""

from app.imports.sources import (
    delta,
    dipl_aut_exerc,
    finess,
    mssante,
    personne_activite,
    savoir_faire,
    terminology,
    white_list,
)
from app.imports.sources.description import Source

# Sources whose files are tables with a header.
TABLES: tuple[Source, ...] = (
    personne_activite.SOURCE,
    savoir_faire.SOURCE,
    dipl_aut_exerc.SOURCE,
    mssante.SOURCE,
)
SOURCES: tuple[Source, ...] = (terminology.SOURCE, white_list.SOURCE, finess.SOURCE, *TABLES, delta.SOURCE)


def source_named(name: str) -> Source:
    """The source of this name. Raises LookupError: a run of another version of annuaire."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise LookupError(f"no source is called {name}")
