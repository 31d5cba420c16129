"""Pages of a search by name: together they are everything that fits, each structure once, also while others write."""

import random
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.organizations import by_name, meeting
from app.organizations.schemas import OrganizationPage
from tests.builders import a_structure, publish

Connection = psycopg.Connection[Any]
# What the question `lac port` fits, by stage; and what it does not.
FITTING = ("LAC PORT", "LAC PORTUAIRE", "LE PORT DU LAC", "HOPITAL LAC PORT", "LAC DES PORTS", "GRAND LAC DU PONT")
OTHERS = ("LAC", "PORT", "PHARMACIE", "LACS ET PORTS")


@pytest.fixture
def kept(registry: Connection) -> list[str]:
    """Keys of the structures that fit all the time."""
    named = [(name, True) for name in FITTING] + [(name, False) for name in OTHERS]
    keys = [(a_structure(registry, finess=f"9900000{n:02d}", name=name), fits) for n, (name, fits) in enumerate(named)]
    publish(registry, *[("organization", key) for key, _ in keys])
    return [key for key, fits in keys if fits]


def pages(client: TestClient, name: str, limit: int, between: Any = lambda: None) -> list[OrganizationPage]:
    told: list[OrganizationPage] = []
    cursor: dict[str, str] = {}
    while not told or told[-1].next:
        answer = client.get("/v1/organizations", params={"name": name, "limit": str(limit), **cursor})
        told.append(OrganizationPage.model_validate_json(answer.content))
        cursor = {"cursor": told[-1].next or ""}
        between()
        assert len(told) < 100
    return told


def keys_of(told: list[OrganizationPage]) -> list[str]:
    return [item.id for page in told for item in page.items]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_are_everything_that_fits_in_one_order(client: TestClient, kept: list[str], limit: int) -> None:
    told = pages(client, "lac port", limit)
    assert keys_of(told) == [*kept[:2], kept[3], kept[2], kept[5], kept[4]]
    assert {(page.total.value, page.total.exact) for page in told} == {(6, True)}


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("seed", range(3))
def test_pages_hold_whoever_fits_all_the_time_while_others_write(
    client: TestClient, registry: Connection, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    before = keys_of(pages(client, "lac port", 50))
    numbers = iter(range(100, 999))

    def write() -> None:
        key = a_structure(registry, finess=f"990000{next(numbers)}", name=chance.choice([*FITTING, *OTHERS]))
        publish(registry, ("organization", key))

    told = keys_of(pages(client, "lac port", 1, write))
    assert [key for key in told if key in before] == before
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("share", [1, 2, 3])
def test_a_page_that_read_its_share_says_so_and_goes_on(
    client: TestClient, kept: list[str], monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    worded = [kept[3], kept[0], kept[2]]
    monkeypatch.setattr(by_name, "WINDOW", 1)
    monkeypatch.setattr(meeting, "LEAPS", share)
    near = [worded[0], kept[4], *worded[1:]]
    for name, wanted in (("port lac", worded), ("portt lac", near), ("ports", [kept[4], "1990000009"])):
        told = pages(client, name, 50)
        assert keys_of(told) == wanted
        assert len(told) > 1
        assert not told[0].total.exact


@pytest.mark.usefixtures("kept")
def test_more_than_are_counted_are_at_least_so_many(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_name, "COUNTED", 2)
    told = pages(client, "lac port", 50)
    assert (told[0].total.value, told[0].total.exact, len(told[0].items)) == (2, False, 6)
