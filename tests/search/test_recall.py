"""Recall and precision of the search for people, by class of mistake, in a directory of 6 000."""

from collections.abc import Iterator, Sequence

import pytest

from app.embedded import Postgres
from app.settings import Settings
from tests.harness.database import cloned
from tests.search_corpus import recall
from tests.search_corpus.corpus import COUNTS, Case, held_out, read
from tests.search_corpus.directory import Asking, asking, fill
from tests.search_corpus.people import bare, people
from tests.search_corpus.recall import Recall, measure, overall


@pytest.fixture(scope="module")
def asked(migrated: Postgres) -> Iterator[Asking]:
    """The search over the people of the corpus."""
    with cloned(migrated) as database:
        connection = database.connect()
        fill(connection, people())
        settings = Settings(
            _env_file=None, database_url=database.dsn, key_pepper="pepper-of-the-tests", ldap_enabled=False
        )
        with asking(settings, connection) as api:
            yield api


# Five thousand searches take half a minute, and many on a machine that others use too.
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_mistakes_of_every_class_are_forgiven(asked: Asking) -> None:
    found = _measured(asked, read())
    assert set(found) == set(COUNTS)
    _require(found)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mistakes_that_stand_in_no_file_are_forgiven_as_well(asked: Asking) -> None:
    _require(_measured(asked, held_out(people(), 100)))


def _measured(asked: Asking, cases: Sequence[Case]) -> dict[str, Recall]:
    return measure(cases, lambda query: [item.person for item in asked.search(query).items])


def _require(found: dict[str, Recall]) -> None:
    """Whoever is meant is found, in each class, and nobody unrelated is shown."""
    whole = overall(found)
    assert whole.share >= recall.WANTED, recall.told(found)
    assert [kind for kind, each in found.items() if each.share < recall.WANTED_IN_EACH] == [], recall.told(found)
    assert whole.unrelated == 0, recall.told(found)
    # A word of the query that fits nothing in the name: seldom.
    assert whole.loose <= whole.items / 10, recall.told(found)


def test_a_name_spelt_rightly_finds_those_so_called_first_and_says_exact(asked: Asking) -> None:
    for person in people()[::40]:
        answer = asked.search(f"{person.given} {person.family}")
        same = sum(_name(*each) == _name(*person) for each in people())
        first = answer.items[: min(same, len(answer.items))]
        assert [_name(*item.person) for item in first] == [_name(*person)] * len(first), person
        assert {item.match for item in first} == {"exact"}, person


def test_the_total_of_two_words_counts_those_who_have_both(asked: Asking) -> None:
    """Not 3 665 where 347 are meant: neither the accents nor forgiveness make more of them."""
    for family, given in (("martin", "bénédicte"), ("leroy", "frédéric"), ("lefebvre", "stéphane")):
        queries = (f"{given} {family}", bare(f"{given} {family}"), f"{family} {given}".upper())
        totals = {asked.search(query).total for query in queries}
        both = sum(family[:4] in bare(person.family) and bare(given)[:4] in bare(person.given) for person in people())
        assert len(totals) == 1
        assert totals.pop() <= both + 10


def _name(family: str, given: str) -> list[str]:
    return sorted(bare(f"{family} {given}").replace("-", " ").replace("'", " ").split())
