"""`make bench-search`: the search at national size, each kind of question beside SQLite FTS5 and tantivy.

One connection asks one question after the other over HTTP, with a key; the libraries are asked in this process and give
names only. The mistakes are those of `tests.search_corpus`, about people of this directory.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from tests.bench.filled import PEPPER, Filled, filled, say
from tests.bench.fts5 import Fts5
from tests.bench.http import serving
from tests.bench.search_asked import RECALL_PAGE, Api, asked_here, asked_of_api, within
from tests.bench.search_questions import Kind, kinds
from tests.bench.search_report import OURS, Found, told
from tests.bench.search_rows import rows_of_search
from tests.bench.table import Line
from tests.search_corpus.corpus import COUNTS, Case, held_out
from tests.search_corpus.people import Person
from tests.search_corpus.recall import measure

MAILBOXES = 1_000_000
NAMES = """
SELECT x.family, coalesce(x.given, '') FROM publication p
CROSS JOIN LATERAL json_to_record(p.document::json) AS x (family text, given text) WHERE p.kind = 'practitioner'
"""
STRUCTURES = """
SELECT DISTINCT p.document::json ->> 'name' FROM publication p
WHERE p.kind = 'organization' AND p.document::json ->> 'name' IS NOT NULL LIMIT 20000
"""


class Library(Protocol):
    """A library that searches beside ours."""

    build_seconds: float

    @property
    def size(self) -> int: ...

    def search(self, text: str, limit: int) -> list[Person]: ...

    def close(self) -> None: ...


Libraries = Mapping[str, Callable[[Path, Sequence[Person]], Library]]


@dataclass(frozen=True)
class Size:
    """Seconds for each kind of question, mistakes of each class, large pages before the deep one."""

    seconds: float = 5.0
    mistakes: int = 100
    deep: int = 200


def run(mailboxes: int, size: Size, libraries: Libraries, keep: Path | None = None) -> Found:
    """Fill a directory of so many mailboxes, or take the one kept in `keep`, and ask."""
    found = Found()
    with filled(mailboxes, keep) as directory, ExitStack() as stack:
        persons, structures = _names(directory)
        cases = held_out(persons, size.mistakes)
        found.kinds = kinds(persons, structures)
        _ask_ours(found, directory, cases, size)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, library in libraries.items():
            say(f"building {name}")
            _ask_library(found, name, library(folder, persons), cases, size)
    return found


def _names(directory: Filled) -> tuple[list[Person], list[str]]:
    """Of everybody, and of some structures."""
    say("reading names")
    with psycopg.connect(directory.settings.database_url) as connection:
        connection.execute("ANALYZE")
        persons = [Person(*row) for row in connection.execute(NAMES)]
        structures = [name for (name,) in connection.execute(STRUCTURES)]
    return sorted(persons), sorted(structures)


def _ask_ours(found: Found, directory: Filled, cases: Sequence[Case], size: Size) -> None:
    with _api(directory) as (api, pids):
        found.kinds.append(Kind("deep page", [api.deep_page(size.deep)]))
        timed = found.timed.setdefault(OURS, {})
        for kind in found.kinds:
            say(f"asking: {kind.name}")
            timed[kind.name] = asked_of_api(api, kind.targets, size.seconds, pids)
        say("asking with mistakes")
        found.recall[OURS] = measure(cases, api.named)
    with psycopg.connect(directory.settings.database_url) as connection:
        say("writing the rows of the search anew")
        found.lines += rows_of_search(connection)


@contextmanager
def _api(directory: Filled) -> Iterator[tuple[Api, list[int]]]:
    """The API, and the processes that answer: its own, and PostgreSQL with its sessions."""
    postgres = directory.postgres.process
    assert postgres is not None
    with psycopg.connect(directory.settings.database_url) as connection:
        _, key = issue(connection, SecretStr(PEPPER), "bench", ["read"], None)
    with serving({**directory.environment, "ANNUAIRE_KEY_RATE": "0"}) as (port, pid):
        api = Api(port, key)
        yield api, [pid, postgres.pid]
        api.close()


def _ask_library(found: Found, name: str, library: Library, cases: Sequence[Case], size: Size) -> None:
    found.lines += [
        Line(f"{name}, build", library.build_seconds, "s"),
        Line("  size, names included", library.size / 1e6, "MB"),
    ]
    timed = found.timed.setdefault(name, {})
    for kind in found.kinds:
        if kind.texts:
            timed[kind.name] = asked_here(library.search, kind.texts, size.seconds)
    say(f"asking {name} with mistakes")
    found.recall[name] = {}
    for mistake in COUNTS:
        some = within([case for case in cases if case.kind == mistake], size.seconds)
        found.recall[name] |= measure(some, lambda text: library.search(text, RECALL_PAGE))
    library.close()


def national_libraries() -> Libraries:
    """Both. tantivy is looked for here only: the tests, which run without it, have FTS5."""
    from tests.bench.tantivy_index import Tantivy  # noqa: PLC0415

    return {"FTS5": Fts5, "tantivy": Tantivy}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search_table", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=MAILBOXES)
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="for each kind of question")
    parser.add_argument("--mistakes", type=int, default=Size.mistakes, help="of each class")
    parser.add_argument("--keep", type=Path, help="fill the directory in this folder, or ask the one that is there")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    given = parser.parse_args()
    size = Size(given.seconds, given.mistakes)
    return told(run(given.mailboxes, size, national_libraries(), given.keep), given.out)


if __name__ == "__main__":
    sys.exit(main())
