"""The words of structures are those of the published names at any time, and a word goes with its last holder."""

import random
from typing import Any

import psycopg
import pytest

from app.db import connect
from app.publication import bulk
from app.settings import Settings
from tests.builders import a_structure, publish

Connection = psycopg.Connection[Any]
TABLES = ("structure_label", "structure_posting", "structure_word", "structure_deletion")
NAMES = (
    "CH DU LAC",
    "PHARMACIE DU LAC",
    "EHPAD LES TILLEULS",
    "CABINET MARTIN",
    "C.H.U. DU PORT",
    None,
    "LA",
    "Étoile",
)
TOWNS = ("LYON 03", "LILLE", "LA ROCHELLE", None)


def words(connection: Connection) -> dict[str, list[Any]]:
    return {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in TABLES}


def assert_recomputed(connection: Connection) -> None:
    """The words that publishing left are those of a dictionary that is made anew."""
    kept = words(connection)
    connection.execute("SELECT fill_structures('organization_search')")
    assert kept == words(connection)
    connection.commit()


@pytest.mark.parametrize("seed", range(4))
def test_publishing_keeps_the_words_of_what_is_published(registry: Connection, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    keys = [a_structure(registry, finess=f"9900000{number:02d}") for number in range(20)]
    for _ in range(12):
        touched = chance.sample(keys, chance.randint(1, 4))
        for key in touched:
            registry.execute(
                "UPDATE organization_record SET name = %s, long_name = %s, trade_name = %s, city = %s, postal_code = %s"
                " WHERE organization = %s",
                (*chance.choices(NAMES, k=3), chance.choice(TOWNS), chance.choice(("69003", None, "F-1")), key),
            )
        if chance.random() < 0.3:
            registry.execute("DELETE FROM organization_record WHERE organization = %s", (touched[0],))
            keys.remove(touched[0])
        publish(registry, *[("organization", key) for key in touched])
        assert_recomputed(registry)


def test_a_word_goes_with_its_last_holder(registry: Connection) -> None:
    first, second = (a_structure(registry, finess=f"99000000{n}", name="LAC TILLEULS"[: 3 + 9 * n]) for n in (0, 1))
    publish(registry, ("organization", first), ("organization", second))
    assert ("lac", 2) in words(registry)["structure_word"]
    registry.execute("DELETE FROM organization_record WHERE organization = %s", (second,))
    publish(registry, ("organization", second))
    assert [word for word, _ in words(registry)["structure_word"]] == ["@25000", "@besancon", "lac"]
    assert {word for _, word in words(registry)["structure_deletion"]} == {"@besancon"}


def test_words_follow_the_tables_that_the_first_publication_swaps_in(registry: Connection, settings: Settings) -> None:
    key = a_structure(registry, name="CH DU LAC")
    registry.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    registry.commit()
    with connect(settings, autocommit=True) as connection:
        bulk.publish_all(settings, connection)
    assert ("lac", 1) in words(registry)["structure_word"]
    assert_recomputed(registry)
    registry.execute("UPDATE organization_record SET name = 'CH DU PORT' WHERE organization = %s", (key,))
    publish(registry, ("organization", key))
    assert ("port", 1) in words(registry)["structure_word"]
    assert_recomputed(registry)


def test_words_go_when_the_table_is_emptied(registry: Connection) -> None:
    publish(registry, ("organization", a_structure(registry)))
    registry.execute("TRUNCATE organization_search")
    assert list(words(registry).values()) == [[], [], [], []]
