"""The persons' file: what it writes, what it closes, what it does not know, and whom it marks."""

from typing import Any

import psycopg
import pytest

from tests.imports.sources import loader
from tests.imports.sources.loader import load, load_file, published
from tests.imports.sources.rows import (
    ACTIVITY_SAMPLE,
    ANNE,
    BRUNO,
    HOSPITAL,
    SKILLS_SAMPLE,
    a_mailbox,
    a_practice,
    a_skill,
    an_activity,
    sample,
)

Connection = psycopg.Connection[Any]
PERSONS = "personne_activite"


def column(connection: Connection, query: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(query).fetchall()]


def test_the_sample_gives_three_persons_two_structures_and_their_skills(registry: Connection) -> None:
    loaded = load_file(registry, PERSONS, ACTIVITY_SAMPLE)
    assert loaded.rejects == []
    assert loaded.plan == {"create": 3}
    assert column(registry, "SELECT organization, city, department, country FROM organization_record ORDER BY 1") == [
        ("1010000024", None, None, None),
        ("499900000029001", "Saint-Martin", "978", "France"),
    ]
    assert column(registry, "SELECT skill_type, skill FROM skill ORDER BY 1") == [("CAPA", "CAPA06"), ("S", "SM53")]
    assert column(registry, "SELECT given FROM practice ORDER BY practitioner") == [
        "BÉNÉDICTE",
        'Jean "Jo" Noël',
        "Œlia",
    ]
    assert column(registry, "SELECT organization FROM practitioner_role ORDER BY practitioner") == [
        "499900000029001",
        "1010000024",
        None,
    ]


def test_the_old_layout_with_adeli_numbers_and_a_foreign_place_is_understood(registry: Connection) -> None:
    old = sample("PS_LibreAcces_Personne_activite_202112020908.sample.txt")
    assert load_file(registry, PERSONS, old).rejects == []
    assert column(registry, "SELECT national_id, rpps FROM practitioner ORDER BY 1") == [
        ("0012699997", None),
        ("0759199995", None),
        ("899900000011", "99900000011"),
    ]
    assert column(
        registry, "SELECT organization, number, city, department, country FROM organization_record ORDER BY 1"
    ) == [
        ("075919999500", "P", "PARIS", "75", "France"),
        ("399999900600011", "9", "BESANCON", "25", "France"),
        ("399999901400015", None, "CHELTENHAM", None, "Royaume-uni"),
    ]


@pytest.mark.parametrize("name", ["_SYNTHETIC_56col.txt", "_SYNTHETIC_56col_trailing_pipe_bom_crlf.txt"])
def test_the_same_rows_in_other_clothes_change_nothing(registry: Connection, name: str) -> None:
    load_file(registry, PERSONS, ACTIVITY_SAMPLE)
    before = loader.registry(registry)
    again = load_file(registry, PERSONS, sample(f"PS_LibreAcces_Personne_activite{name}"))
    assert again.plan == {"same": 3}
    assert again.marks == set()
    assert loader.registry(registry) == before


def test_neither_the_order_of_the_lines_nor_repeated_lines_matter(registry: Connection) -> None:
    rows = [
        an_activity(),
        an_activity(family="EXEMPLE", given="Anne Marie", phone="0199000001"),
        an_activity(name="CENTRE HOSPITALIER EXEMPLE", street="AVENUE DU PARC"),
        an_activity(title="PR"),
        a_practice(trade_name="CABINET DU PARC"),
        a_practice(BRUNO),
    ]
    load(registry, PERSONS, rows)
    before = loader.registry(registry)
    again = load(registry, PERSONS, [*reversed(rows), rows[0], rows[4]])
    assert again.changes == {}
    assert loader.registry(registry) == before


def test_a_structure_takes_its_ids_from_all_rows_and_its_address_from_one(registry: Connection) -> None:
    load(
        registry,
        PERSONS,
        [
            an_activity(siret="00000001800010", street="B STREET"),
            an_activity(
                BRUNO, technical_id="C00000001800010", former_id="300000001800010", street="A STREET", line6=""
            ),
        ],
    )
    assert column(registry, "SELECT siret, technical_ids, national_ids, street, city FROM organization_record") == [
        (
            "00000001800010",
            ["C00000001800010", f"F{HOSPITAL}"],
            [f"1{HOSPITAL}", "300000001800010"],
            "B STREET",  # the fuller row, though the other sorts first
            "BESANCON",
        )
    ]


def test_a_structure_that_is_its_own_legal_entity_is_one(registry: Connection) -> None:
    load(registry, PERSONS, [an_activity(finess_legal=HOSPITAL), a_practice(finess_legal="990000028")])
    assert column(registry, "SELECT kind, parent FROM organization_record ORDER BY organization") == [
        ("LEGAL_ENTITY", None),
        ("GEOGRAPHICAL_ENTITY", "990000028"),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"national_id": ""}, ("national_id", "national_id.missing")),
        ({"national_id": "8999000006"}, ("national_id", "national_id.form")),
        ({"national_id": "89990000006O"}, ("national_id", "national_id.form")),
        ({"national_id": "800000000000"}, ("national_id", "national_id.zero")),
        ({"family": "  "}, ("family", "family.missing")),
        ({"profession": ""}, ("profession", "profession.missing")),
    ],
)
def test_a_row_that_names_nobody_is_rejected_with_its_column(
    registry: Connection, fields: dict[str, str], expected: tuple[str, str]
) -> None:
    loaded = load(registry, PERSONS, [an_activity(BRUNO), an_activity() | fields])
    assert loaded.rejects == [(3, *expected)]
    assert column(registry, "SELECT national_id FROM practitioner") == [BRUNO]


def test_type_and_number_stand_in_for_an_empty_national_identification(registry: Connection) -> None:
    load(registry, PERSONS, [an_activity("", id_type="8", id="99900000060")])
    assert column(registry, "SELECT national_id, rpps FROM practitioner") == [(ANNE, "99900000060")]


def test_a_failed_check_digit_is_a_warning_and_no_reject(registry: Connection) -> None:
    loaded = load(
        registry, PERSONS, [an_activity("899900000061", finess="990000011", technical_id="", siret="00000001800011")]
    )
    assert loaded.rejects == []
    assert column(registry, "SELECT warnings FROM practitioner") == [["rpps.check_digit"]]
    assert column(registry, "SELECT warnings FROM organization_record") == [["finess.check_digit", "siret.check_digit"]]


def test_a_number_of_the_wrong_form_is_a_warning_and_never_a_key(registry: Connection) -> None:
    load(registry, PERSONS, [a_practice(finess="2C9900016", siret="0000000180001")])
    assert column(registry, "SELECT organization, finess, siret, warnings FROM organization_record") == [
        ("499900000060001", None, None, ["finess.form", "siret.form"])
    ]


def test_a_person_who_leaves_is_closed_and_comes_back_whole(registry: Connection) -> None:
    both = [an_activity(skill_type="S", skill="SM54"), a_practice(BRUNO)]
    load(registry, PERSONS, both)
    before = loader.registry(registry)
    load(registry, "mssante", [a_mailbox()])
    assert ("mailbox", "anne@exemple.mssante.fr") in published(registry)

    left = load(registry, PERSONS, both[1:])
    assert left.changes == {"close": 1}
    assert left.marks == {("practitioner", ANNE), ("organization", f"1{HOSPITAL}")}
    assert column(registry, "SELECT national_id, register_state FROM practitioner ORDER BY 1") == [
        (ANNE, "closed"),
        (BRUNO, "active"),
    ]
    assert column(
        registry, "SELECT practitioner FROM practice UNION ALL SELECT practitioner FROM practitioner_role"
    ) == [BRUNO, BRUNO]
    assert column(registry, "SELECT count(*) FROM skill") == [0]
    after = published(registry)
    assert ("practitioner", ANNE) not in after
    assert ("mailbox", "anne@exemple.mssante.fr") not in after

    assert load(registry, PERSONS, both).changes == {"create": 1}
    back = loader.registry(registry)
    assert {table: back[table] for table in ("practitioner", "practice", "practitioner_role", "skill")} == {
        table: before[table] for table in ("practitioner", "practice", "practitioner_role", "skill")
    }
    assert ("mailbox", "anne@exemple.mssante.fr") in published(registry)


def test_a_person_whom_another_file_named_first_becomes_active(registry: Connection) -> None:
    load(registry, "savoir_faire", [a_skill()])
    assert column(registry, "SELECT register_state FROM practitioner") == ["unknown"]
    assert load(registry, PERSONS, [an_activity()]).changes == {"create": 1}
    assert column(registry, "SELECT register_state FROM practitioner") == ["active"]


def test_a_structure_nobody_works_at_any_more_loses_its_record_and_keeps_its_anchor(registry: Connection) -> None:
    load(registry, PERSONS, [an_activity(), a_practice()])
    moved = load(registry, PERSONS, [a_practice()])
    assert moved.changes == {"update": 1}
    assert moved.marks == {("practitioner", ANNE), ("organization", f"1{HOSPITAL}")}
    assert column(registry, "SELECT organization FROM organization_record") == ["499900000060001"]
    assert column(registry, "SELECT key FROM organization ORDER BY key") == [f"1{HOSPITAL}", "499900000060001"]


@pytest.mark.parametrize("field", ["phone", "phone_2", "fax", "email", "authority", "pharmacist_section"])
def test_what_the_world_never_sees_is_written_without_a_mark(registry: Connection, field: str) -> None:
    load(registry, PERSONS, [an_activity()])
    changed = load(registry, PERSONS, [an_activity(**{field: "x"})])
    assert changed.changes == {"update": 1}
    assert changed.marks == set()
    assert column(registry, f"SELECT {field} FROM practitioner_role") == ["x"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "PR"),
        ("civility", "M"),
        ("family", "AUTRE"),
        ("given", "Annie"),
        ("mode", "L"),
        ("sector", "SA02"),
        ("role", "FON-01"),
        ("kind", "GENR01"),
        ("skill", "SM04"),
        ("name", "AUTRE"),
        ("trade_name", "ENSEIGNE"),
        ("recipient", "L2"),
        ("building", "L3"),
        ("number", "6"),
        ("repetition", "B"),
        ("street_type", "AV"),
        ("street", "AUTRE"),
        ("distribution", "BP 1"),
        ("line6", "25000 AUTREVILLE"),
        ("postal_code", "25001"),
        ("commune", "97801"),
        ("city", "Ailleurs"),
        ("country", "Suisse"),
        ("siret", "00000001800010"),
        ("siren", "000000018"),
        ("finess_legal", "990000028"),
        ("former_id", "399900000060001"),
    ],
)
def test_each_public_column_reaches_a_document(registry: Connection, field: str, value: str) -> None:
    load(registry, PERSONS, [an_activity(skill_type="S", skill="SM54")])
    before = published(registry)
    changed = load(registry, PERSONS, [an_activity(skill_type="S", skill="SM54") | {field: value}])
    after = published(registry)
    assert changed.marks
    assert {kind for kind, key in after if after[kind, key] != before.get((kind, key))}


def test_marks_name_exactly_who_changed(registry: Connection) -> None:
    load(registry, PERSONS, [an_activity(), a_practice(BRUNO)])
    changed = load(registry, PERSONS, [an_activity(given="Annie"), a_practice(BRUNO)])
    assert changed.plan == {"update": 1, "same": 1}
    assert changed.marks == {("practitioner", ANNE)}


def test_a_site_that_gains_a_finess_number_is_one_delete_and_one_put(registry: Connection) -> None:
    load(registry, PERSONS, [a_practice()])
    assert ("organization", "499900000060001") in published(registry)
    gained = load(registry, PERSONS, [a_practice(finess=HOSPITAL)])
    assert gained.marks == {
        ("practitioner", ANNE),
        ("organization", "499900000060001"),
        ("organization", f"1{HOSPITAL}"),
    }
    after = published(registry)
    assert ("organization", "499900000060001") not in after
    assert ("organization", f"1{HOSPITAL}") in after


OPTIONAL = sorted(column.field for column in loader.SOURCES[PERSONS].columns if not column.required)


@pytest.mark.parametrize("field", [name for name in OPTIONAL if not name.endswith("_label")])
def test_a_missing_column_is_unknown_and_keeps_what_is_known(registry: Connection, field: str) -> None:
    filled = {name: "1" for name in OPTIONAL if name not in {"id", "id_type", "country_code"}}
    rows = [
        *loader.rows_of(PERSONS, ACTIVITY_SAMPLE),
        an_activity(**(filled | {"commune": "25056", "city": "Besançon", "country": "France"})),
        an_activity(kind="GENR02", role="FON-02"),
        an_activity(sector="SA07", skill_type="CAPA", skill="CAPA06"),
    ]
    load(registry, PERSONS, rows)
    before = loader.registry(registry)
    again = load(registry, PERSONS, rows, missing=[field])
    assert again.changes == {}
    assert again.marks == set()
    assert loader.registry(registry) == before


def test_the_layout_of_2018_keeps_the_roles_of_the_fuller_one(registry: Connection) -> None:
    rows = [
        an_activity(kind="GENR01"),
        an_activity(kind="GENR02"),
        an_activity(sector="SA07"),
        a_practice(BRUNO, kind="GENR01"),
    ]
    load(registry, PERSONS, rows)
    before = loader.registry(registry)
    narrow = [
        "sector",
        "sector_label",
        "pharmacist_section",
        "pharmacist_section_label",
        "role",
        "role_label",
        "kind",
        "kind_label",
    ]
    assert load(registry, PERSONS, rows, missing=narrow).changes == {}
    assert loader.registry(registry) == before
    # A place that the narrow file does not name any more takes all its roles along.
    assert load(registry, PERSONS, [rows[3]], missing=narrow).changes == {"close": 1}
    assert column(registry, "SELECT practitioner, kind FROM practitioner_role") == [(BRUNO, "GENR01")]


def test_a_file_without_skills_closes_no_skill_save_those_of_who_left(registry: Connection) -> None:
    rows = [an_activity(skill_type="S", skill="SM54"), a_practice(BRUNO, skill_type="S", skill="SM04")]
    load(registry, PERSONS, rows)
    load(registry, PERSONS, rows[:1], missing=["skill_type", "skill_type_label", "skill", "skill_label"])
    assert column(registry, "SELECT practitioner, skill FROM skill") == [(ANNE, "SM54")]


def test_skills_of_this_file_are_shown_no_more_once_another_source_states_them(registry: Connection) -> None:
    load(registry, PERSONS, [an_activity(skill_type="S", skill="SM54")])
    load_file(registry, "savoir_faire", SKILLS_SAMPLE)
    before = published(registry)
    changed = load(registry, PERSONS, [an_activity(skill_type="S", skill="SM04")])
    assert changed.changes == {"update": 1}
    assert changed.marks <= {("practitioner", ANNE)}
    assert published(registry) == before
