"""The FINESS stock: structures as the national register of sites knows them."""

from datetime import date
from typing import Any

import psycopg
import pytest

from tests.imports.sources import loader
from tests.imports.sources.loader import load, load_file, published
from tests.imports.sources.rows import FINESS_SAMPLE, HOSPITAL, a_site, an_activity

Connection = psycopg.Connection[Any]
FINESS = "finess"


def column(connection: Connection, query: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(query).fetchall()]


def test_the_sample_gives_six_sites_with_overseas_places_and_quoted_names(registry: Connection) -> None:
    loaded = load_file(registry, FINESS, FINESS_SAMPLE)
    assert loaded.rejects == []
    assert loaded.plan == {"create": 6}
    assert column(registry, "SELECT finess, commune, department, city, opened FROM organization_record ORDER BY 1") == [
        ("010000024", "01451", "01", "VIRIAT", date(1979, 2, 13)),
        ("970100400", "97127", "971", "ST MARTIN", date(1951, 1, 1)),
        ("970300026", "97302", "973", "CAYENNE", date(1904, 4, 4)),
        ("970409645", "97408", "974", "LA POSSESSION", date(2016, 9, 15)),
        ("980501506", "97606", "976", "CHIRONGUI", date(2019, 4, 1)),
        ("980600027", "98613", "986", "UVEA", date(2024, 10, 30)),
    ]
    assert column(registry, "SELECT name, kind, parent, type FROM organization_record WHERE finess = '980501506'") == [
        ('LIEU DE VIE "MAVOUNA MEMA 1"', "GEOGRAPHICAL_ENTITY", "980501498", "462")
    ]
    assert column(
        registry, "SELECT technical_ids, national_ids FROM organization_record WHERE finess = '010000024'"
    ) == [(["F010000024"], ["1010000024"])]
    assert load_file(registry, FINESS, FINESS_SAMPLE).plan == {"same": 6}


def test_dates_of_older_stocks_mean_the_same(registry: Connection) -> None:
    load(registry, FINESS, [a_site(opened="1979-02-13")])
    assert load(registry, FINESS, [a_site(opened="13/02/1979")]).plan == {"same": 1}


def test_an_impossible_date_is_a_warning(registry: Connection) -> None:
    load(registry, FINESS, [a_site(opened="31/02/1979", siret="123", finess_legal="12")])
    assert column(registry, "SELECT opened, siret, parent, warnings FROM organization_record") == [
        (None, None, None, ["parent.form", "siret.form", "opened.form"])
    ]


@pytest.mark.parametrize(
    ("finess", "code"), [("", "finess.missing"), ("99000001", "finess.form"), ("2C9900016", "finess.form")]
)
def test_a_row_without_a_site_number_is_rejected(registry: Connection, finess: str, code: str) -> None:
    assert load(registry, FINESS, [a_site(finess)]).rejects == [(2, "finess", code)]


def test_a_site_that_closes_loses_this_record_only(registry: Connection) -> None:
    load(registry, "personne_activite", [an_activity(name="PERSONS NAME")])
    load(registry, FINESS, [a_site(), a_site("990000028")])
    load(registry, FINESS, [a_site("990000028")])
    assert column(registry, "SELECT organization, source FROM organization_record ORDER BY 1") == [
        (f"1{HOSPITAL}", "personne_activite"),
        ("1990000028", "finess"),
    ]
    published(registry)
    query = f"SELECT document::jsonb->>'name' FROM publication WHERE kind = 'organization' AND key = '1{HOSPITAL}'"
    assert column(registry, query) == ["PERSONS NAME"]


def test_marks_name_exactly_the_sites_that_changed_in_sight(registry: Connection) -> None:
    load(registry, FINESS, [a_site(), a_site("990000028", finess_legal="990000028")])
    unseen = load(registry, FINESS, [a_site(opened="1980-01-01"), a_site("990000028", finess_legal="990000028")])
    assert unseen.plan == {"update": 1, "same": 1}
    assert unseen.marks == set()
    seen = load(
        registry, FINESS, [a_site(opened="1980-01-01", name="AUTRE"), a_site("990000028", finess_legal="990000028")]
    )
    assert seen.marks == {("organization", f"1{HOSPITAL}")}
    assert column(registry, "SELECT kind, parent FROM organization_record ORDER BY 1 DESC") == [
        ("LEGAL_ENTITY", None),
        ("GEOGRAPHICAL_ENTITY", "990000028"),
    ]


def test_a_site_printed_twice_is_one_whatever_the_order(registry: Connection) -> None:
    twice = [a_site(name="B"), a_site(name="A"), a_site(name="0", street="")]
    load(registry, FINESS, twice)
    before = loader.registry(registry)
    assert load(registry, FINESS, list(reversed(twice))).plan == {"same": 1}
    assert loader.registry(registry) == before
