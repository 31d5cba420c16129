"""The people of the corpus as a directory, and its search as anybody asks it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg

from app.access.keys import issue
from app.sandbox.numbers import rpps
from app.settings import Settings
from tests.harness.asgi import Answer, ask, serving
from tests.search_corpus.people import Person

Connection = psycopg.Connection[Any]
A_TIME = 1_000
PAGE = 10

ENTER = (
    """INSERT INTO practitioner (national_id, rpps, civility, register_state)
       SELECT '8' || r, r, 'MME', 'active' FROM unnest(%(rpps)s::text[]) r""",
    """INSERT INTO practice (practitioner, profession, category, family, given)
       SELECT '8' || r, '10', 'C', f, nullif(g, '')
       FROM unnest(%(rpps)s::text[], %(family)s::text[], %(given)s::text[]) AS x (r, f, g)""",
    """INSERT INTO practitioner_role (id, practitioner, profession, category, mode, sector)
       SELECT 'role of 8' || r, '8' || r, '10', 'C', 'S', 'SA01' FROM unnest(%(rpps)s::text[]) r""",
)


class Found(NamedTuple):
    """An item of an answer: the name, and how it fits."""

    person: Person
    match: str


class Answered(NamedTuple):
    """The first page of a search, and how many there are in all."""

    items: Sequence[Found]
    total: int


Search = Callable[[str], Answered]


def fill(connection: Connection, persons: Sequence[Person], first: int = 0) -> None:
    """Publish these persons, under the numbers from `first` on."""
    for start in range(0, len(persons), A_TIME):
        some = persons[start : start + A_TIME]
        numbers = [rpps(first + start + at) for at in range(len(some))]
        names = {"family": [person.family for person in some], "given": [person.given for person in some]}
        for statement in ENTER:
            connection.execute(statement, {"rpps": numbers, **names})
        kinds, keys = ["practitioner"] * len(some), ["8" + number for number in numbers]
        connection.execute("SELECT publish(%s, %s)", (kinds, keys))
        connection.commit()
    connection.execute("ANALYZE")
    connection.commit()


class Asking:
    """An API in process, asked with a key that reads."""

    def __init__(self, get: Callable[[str], Answer]) -> None:
        self.get = get

    def search(self, query: str) -> Answered:
        """`GET /v1/practitioners?name=…`, the first ten. Raises AssertionError: it is no 200."""
        answer = self.get(f"/v1/practitioners?name={quote(query)}&limit={PAGE}")
        assert answer.status == 200, (query, answer.status, answer.body)
        page = answer.json
        items = [Found(Person(item["family"], item["given"] or ""), item["match"]) for item in page["items"]]
        return Answered(items, page["total"]["value"])


@contextmanager
def asking(settings: Settings, connection: Connection) -> Iterator[Asking]:
    """The API on this database."""
    _, key = issue(connection, settings.key_pepper, "corpus", ["read"], None)
    connection.commit()
    headers = [("Authorization", f"Bearer {key}")]
    unbound = settings.model_copy(update={"key_rate": 0, "database_pool": 2, "log_level": "error"})
    with serving(unbound) as served:
        yield Asking(lambda target: served.run(ask(served.apps[0], "GET", target, headers)))
