"""What holds of the search for people whatever is asked, and whatever is written meanwhile."""

from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.embedded import Postgres
from app.sandbox.numbers import rpps
from app.settings import Settings
from tests.harness.database import Database, cloned
from tests.practitioners.writers import writing
from tests.search_corpus.corpus import read
from tests.search_corpus.directory import Asking, Connection, asking, fill
from tests.search_corpus.people import Person, people
from tests.search_corpus.related import is_unrelated

CROWD = people()[:400]
MOST_PAGES = 2_000
WRITES_BETWEEN_PAGES = 2

TYPED = st.one_of(
    st.sampled_from([f"{person.given} {person.family}" for person in CROWD]),
    st.sampled_from([person.family[: 1 + at % 5] for at, person in enumerate(CROWD)]),
    st.sampled_from([case.query for case in read()[::10]]),
)
LETTERS = st.text("abcdelmnoirstuéè' -", min_size=1, max_size=25)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
BOXES = st.sampled_from(["name", "family", "given"])


class Directory:
    """A crowd to search in, and the database's own folding of what is typed."""

    def __init__(self, api: Asking, connection: Connection) -> None:
        self.get = api.get
        self._connection = connection

    def folded(self, text: str) -> str:
        row = self._connection.execute("SELECT name_key(%s)", (text,)).fetchone()
        assert row is not None
        return str(row[0])


@pytest.fixture(scope="module")
def crowd(migrated: Postgres) -> Iterator[Directory]:
    with cloned(migrated) as database:
        connection = database.connect()
        fill(connection, CROWD)
        connection.autocommit = True
        with asking(_settings(database), connection) as api:
            yield Directory(api, connection)


def _settings(database: Database) -> Settings:
    return Settings(_env_file=None, database_url=database.dsn, key_pepper="pepper-of-the-tests", ldap_enabled=False)


@examples(max_examples=60)
@given(typed=TYPED, limit=st.integers(1, 9))
def test_fewer_than_there_are_means_that_it_goes_on(crowd: Directory, typed: str, limit: int) -> None:
    seen: list[str] = []
    target = f"/v1/practitioners?name={quote(typed)}&limit={limit}"
    cursor = ""
    for _ in range(MOST_PAGES):
        answer = crowd.get(target + cursor)
        assert answer.status == 200, answer.body
        page = answer.json
        seen += [item["national_id"] for item in page["items"]]
        assert len(page["items"]) <= limit
        if page["next"] is None:
            assert len(seen) == len(set(seen))
            assert len(seen) == page["total"]["value"] or not page["total"]["exact"]
            assert len(seen) >= page["total"]["value"]
            return
        assert len(page["items"]) == limit, "a page is short and goes on"
        assert answer.header("link")
        cursor = f"&cursor={page['next']}"
    raise AssertionError("the pages do not end")


@examples(max_examples=300)
@given(box=BOXES, typed=st.one_of(ANYTHING, LETTERS, TYPED))
@example(box="name", typed="%")
@example(box="name", typed="_")
@example(box="name", typed="\\")
@example(box="name", typed="'; DROP TABLE practitioner_search; --")
@example(box="name", typed="a" * 200)
@example(box="name", typed=" ".join("martin" for _ in range(20)))
@example(box="name", typed="ﬁls ½ Ⅷ №")
@example(box="name", typed="dr")
@example(box="name", typed="de la")
@example(box="name", typed="st")
@example(box="family", typed="\u202emartin")
def test_any_text_is_answered_or_refused_and_nobody_unrelated_is_shown(crowd: Directory, box: str, typed: str) -> None:
    answer = crowd.get(f"/v1/practitioners?{box}={quote(typed)}&limit=20")
    assert answer.status in {200, 400, 422}, (answer.status, answer.body)
    if answer.status != 200:
        assert answer.code
        return
    folded = crowd.folded(typed)
    shown = [Person(item["family"], item["given"] or "") for item in answer.json["items"]]
    assert [person for person in shown if is_unrelated(folded, person)] == []


@examples(max_examples=100)
@given(typed=st.binary(min_size=1, max_size=40))
def test_any_bytes_are_answered_or_refused(crowd: Directory, typed: bytes) -> None:
    """Not all of them are UTF-8, as not all clients encode as they should."""
    answer = crowd.get(f"/v1/practitioners?name={quote(typed)}")
    assert answer.status in {200, 400, 422}, (answer.status, answer.body)


@pytest.mark.parametrize("asked", ["", "name=du&", "name=d&", "given=anne&"])
def test_pages_hold_everybody_once_while_others_come_and_go(database: Database, settings: Settings, asked: str) -> None:
    """Who is not written meanwhile is seen, and seen once, wherever the others come, go, and change their names."""
    connection = database.connect()
    stay = [Person(f"DU{first}{second}", "Anne") for first in "ABCDEFGHIJ" for second in "EINORU"]
    fill(connection, stay)
    wanted = {"8" + rpps(at) for at in range(len(stay))}
    with asking(settings, connection) as api, writing(database, first=len(stay)) as writers:
        seen: Counter[str] = Counter()
        cursor = ""
        for _ in range(MOST_PAGES):
            page = api.get(f"/v1/practitioners?{asked}limit=3{cursor}").json
            seen.update(item["national_id"] for item in page["items"])
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
            for writer in writers:
                writer.wait_for(WRITES_BETWEEN_PAGES)
    assert {key: seen[key] for key in wanted if seen[key] != 1} == {}
