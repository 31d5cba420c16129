"""The extraction: mailboxes, whom they are attached to, and what the file must leave alone."""

from typing import Any

import psycopg
import pytest

from tests.imports.sources import loader
from tests.imports.sources.loader import load, load_file, published
from tests.imports.sources.rows import (
    ANNE,
    BRUNO,
    HOSPITAL,
    MAILBOX_SAMPLE,
    a_mailbox,
    an_activity,
    an_organization_mailbox,
)

Connection = psycopg.Connection[Any]
MAILBOXES = "mssante"
ADDRESS = "anne@exemple.mssante.fr"


def column(connection: Connection, query: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(query).fetchall()]


def test_the_sample_gives_five_mailboxes_of_which_one_has_two_structures(registry: Connection) -> None:
    loaded = load_file(registry, MAILBOXES, MAILBOX_SAMPLE)
    assert loaded.rejects == []
    assert loaded.plan == {"create": 5}
    assert column(registry, "SELECT address, type, service, dematerialization FROM mailbox ORDER BY 1") == [
        ("anais.modele@ch-exemple.mssante.fr", "PER", None, False),
        ("anais.modele@interop-mssante.apicrypt.org", "PER", None, False),
        ("b.exempletest@medecin-exemple.mssante.fr", "PER", None, True),
        ("jean.dessai@ch-exemple.mssante.fr", "PER", "CARDIOLOGIE", False),
        ("secretariat.cardio@ch-exemple.mssante.fr", "ORG", "CARDIOLOGIE", False),
    ]
    query = (
        "SELECT organization, city, department FROM mailbox_attachment WHERE address ~ '^anais.modele@ch-' ORDER BY 1"
    )
    assert column(registry, query) == [("1010000024", "VIRIAT", "01"), ("1970100400", "ST MARTIN", "971")]
    before = loader.registry(registry)
    assert load_file(registry, MAILBOXES, MAILBOX_SAMPLE).plan == {"same": 5}
    assert loader.registry(registry) == before


def test_neither_the_order_of_the_lines_nor_case_nor_repeated_lines_matter(registry: Connection) -> None:
    rows = [
        a_mailbox(service="B", structure_type="1", structure=HOSPITAL),
        a_mailbox(service="A", structure_type="1", structure="990000028"),
        a_mailbox(family="AUTRE", structure_type="1", structure=HOSPITAL),
        an_organization_mailbox(),
    ]
    load(registry, MAILBOXES, rows)
    before = loader.registry(registry)
    again = load(registry, MAILBOXES, [*reversed(rows), rows[0], rows[3] | {"address": "ACCUEIL@Exemple.mssante.fr"}])
    assert again.plan == {"same": 2}
    assert loader.registry(registry) == before


def test_service_and_dematerialization_are_those_of_the_principal_line(registry: Connection) -> None:
    load(
        registry,
        MAILBOXES,
        [
            a_mailbox(service="Z", dematerialization="N", national_id=BRUNO),
            a_mailbox(service="M", dematerialization="O", structure_type="1", structure=HOSPITAL),
            a_mailbox(service="A", dematerialization="N", structure_type="1", structure="990000028"),
            a_mailbox(service="0", dematerialization="N", national_id=""),
        ],
    )
    assert column(registry, "SELECT service, dematerialization FROM mailbox") == [("M", True)]
    assert column(registry, "SELECT count(*) FROM mailbox_attachment") == [4]


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("O", True),
        ("Oui", True),
        ("true", True),
        ("1", True),
        ("N", False),
        ("Non", False),
        ("False", False),
        ("0", False),
        ("", None),
    ],
)
def test_dematerialization_is_read_in_every_known_form(
    registry: Connection,
    written: str,
    meaning: bool | None,  # noqa: FBT001 - a value
) -> None:
    load(registry, MAILBOXES, [a_mailbox(dematerialization=written)])
    assert column(registry, "SELECT dematerialization, warnings FROM mailbox") == [(meaning, [])]


def test_an_odd_answer_and_a_long_service_are_kept_with_a_warning(registry: Connection) -> None:
    load(registry, MAILBOXES, [a_mailbox(dematerialization="peut-être", service="S" * 91)])
    assert column(registry, "SELECT length(service), dematerialization, warnings FROM mailbox") == [
        (91, None, ["service.length", "dematerialization.value"])
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"address": ""}, ("address", "address.missing")),
        ({"address": "anne@@exemple.mssante.fr"}, ("address", "address.at_sign")),
        ({"address": "anne exemple@exemple.mssante.fr"}, ("address", "address.local_part")),
        ({"address": "élise@exemple.mssante.fr"}, ("address", "address.ascii")),
        ({"address": "a@" + "b." * 130 + "fr"}, ("address", "address.length")),
        ({"address": "anne@exemple"}, ("address", "address.domain")),
        ({"type": "XXX"}, ("type", "type.unknown")),
        ({"type": ""}, ("type", "type.unknown")),
        ({"national_id": "89990000006"}, ("national_id", "national_id.form")),
    ],
)
def test_a_line_without_usable_address_type_or_person_is_rejected(
    registry: Connection, fields: dict[str, str], expected: tuple[str, str]
) -> None:
    loaded = load(registry, MAILBOXES, [an_organization_mailbox(), a_mailbox() | fields])
    assert loaded.rejects == [(3, *expected)]
    assert column(registry, "SELECT address FROM mailbox") == ["accueil@exemple.mssante.fr"]


def test_a_mailbox_of_nobody_and_nothing_has_one_empty_attachment(registry: Connection) -> None:
    rows = [a_mailbox(national_id="", family="", given="", profession="")]
    load(registry, MAILBOXES, rows)
    assert column(registry, "SELECT practitioner, organization FROM mailbox_attachment") == [(None, None)]
    assert ("mailbox", ADDRESS) in published(registry)
    assert load(registry, MAILBOXES, rows).plan == {"same": 1}


def test_a_person_or_structure_the_registers_do_not_know_is_published_as_the_file_prints_it(
    registry: Connection,
) -> None:
    load(
        registry,
        MAILBOXES,
        [a_mailbox(structure_type="1", structure=HOSPITAL, organization_name="CH", line6="25000 BESANCON")],
    )
    assert column(registry, "SELECT register_state FROM practitioner") == ["unknown"]
    published(registry)
    (document,) = column(registry, "SELECT document::jsonb FROM publication")
    assert document["practitioner"]["family"] == "EXEMPLE"
    assert document["organization"] == {
        "finess": HOSPITAL,
        "id": f"1{HOSPITAL}",
        "name": "CH",
        "siret": None,
        "trade_name": None,
    }
    assert document["place"]["city"] == "BESANCON"


def test_a_mailbox_that_leaves_the_file_is_withdrawn_and_comes_back_whole(registry: Connection) -> None:
    load(registry, "personne_activite", [an_activity()])
    rows = [a_mailbox(), an_organization_mailbox()]
    load(registry, MAILBOXES, rows)
    whole, before = published(registry), loader.registry(registry)

    left = load(registry, MAILBOXES, rows[1:])
    assert left.plan == {"close": 1, "same": 1}
    assert left.marks == {("mailbox", ADDRESS)}
    assert column(registry, "SELECT count(*) FROM mailbox_attachment") == [2]
    after = published(registry)
    assert ("mailbox", ADDRESS) not in after
    assert after["practitioner", ANNE] != whole["practitioner", ANNE]
    assert column(registry, "SELECT address FROM withdrawn") == [ADDRESS]
    assert load(registry, MAILBOXES, rows[1:]).plan == {"same": 1}

    assert load(registry, MAILBOXES, rows).plan == {"create": 1, "same": 1}
    assert loader.registry(registry) == before
    assert published(registry) == whole
    assert column(registry, "SELECT address FROM withdrawn") == []


def test_a_holder_who_is_detached_loses_the_mailbox_too(registry: Connection) -> None:
    load(registry, "personne_activite", [an_activity(), an_activity(BRUNO)])
    load(registry, MAILBOXES, [a_mailbox(), a_mailbox(national_id=BRUNO)])
    published(registry)
    moved = load(registry, MAILBOXES, [a_mailbox()])
    assert moved.plan == {"update": 1}
    assert moved.marks == {("mailbox", ADDRESS), ("practitioner", BRUNO)}
    published(registry)
    assert column(registry, "SELECT document::jsonb->'mailboxes' FROM publication WHERE key = '899900000078'") == [[]]


@pytest.mark.parametrize(
    "hidden",
    [
        "unlisted = true",
        "source = 'api'",
        "type = 'APP'",
        "type = 'CAB'",
        "unlisted = true, source = 'api'",
        "source = 'api', state = 'withdrawn'",
    ],
)
def test_red_list_application_practice_and_api_mailboxes_are_left_alone(registry: Connection, hidden: str) -> None:
    load(registry, MAILBOXES, [a_mailbox(service="BEFORE"), an_organization_mailbox()])
    registry.execute(f"UPDATE mailbox SET {hidden} WHERE address = '{ADDRESS}'")
    before = loader.registry(registry)
    changed = load(registry, MAILBOXES, [a_mailbox(service="AFTER", national_id=BRUNO), an_organization_mailbox()])
    # What the file does not speak for is not counted: the other mailbox is the same.
    assert changed.plan == {"same": 1}
    assert changed.marks == set()
    assert loader.registry(registry) == before
    gone = load(registry, MAILBOXES, [an_organization_mailbox()])
    assert gone.plan == {"same": 1}
    assert loader.registry(registry) == before


def test_a_suspension_outlives_the_next_file(registry: Connection) -> None:
    load(registry, MAILBOXES, [a_mailbox()])
    registry.execute("UPDATE mailbox SET state = 'suspended'")
    load(registry, MAILBOXES, [a_mailbox(service="NEW")])
    assert column(registry, "SELECT state, service FROM mailbox") == [("suspended", "NEW")]
    assert published(registry) == {}


def test_a_suspension_outlives_a_file_without_the_mailbox(registry: Connection) -> None:
    load(registry, MAILBOXES, [a_mailbox(), an_organization_mailbox()])
    registry.execute(f"UPDATE mailbox SET state = 'suspended' WHERE address = '{ADDRESS}'")
    assert load(registry, MAILBOXES, [an_organization_mailbox()]).plan == {"same": 1}
    load(registry, MAILBOXES, [a_mailbox(), an_organization_mailbox()])
    assert column(registry, f"SELECT state FROM mailbox WHERE address = '{ADDRESS}'") == ["suspended"]
    assert ("mailbox", ADDRESS) not in published(registry)


def test_what_operators_add_to_a_mailbox_of_the_file_outlives_the_next_file(registry: Connection) -> None:
    load(registry, MAILBOXES, [a_mailbox()])
    registry.execute("UPDATE mailbox SET description = 'Cardiology', rank = 1, responsible = 'Anne'")
    load(registry, MAILBOXES, [a_mailbox(service="NEW")])
    assert column(registry, "SELECT description, rank, responsible FROM mailbox") == [("Cardiology", 1, "Anne")]


OPTIONAL = sorted(column.field for column in loader.SOURCES[MAILBOXES].columns if not column.required)


@pytest.mark.parametrize(
    "field", [name for name in OPTIONAL if name != "structure_type" and not name.endswith("_label")]
)
def test_a_missing_column_is_unknown_and_keeps_what_is_known(registry: Connection, field: str) -> None:
    filled = {name: "1" for name in OPTIONAL if name not in {"id", "id_type", "structure_type"}}
    rows = [
        *loader.rows_of(MAILBOXES, MAILBOX_SAMPLE),
        a_mailbox(
            **(filled | {"line6": "25000 BESANCON", "postal_code": "20000", "department": "2B", "country": "France"})
        ),
        an_organization_mailbox(
            "org@exemple.mssante.fr", service="CARDIOLOGIE", dematerialization="O", country="Suisse"
        ),
    ]
    load(registry, MAILBOXES, rows)
    before = loader.registry(registry)
    again = load(registry, MAILBOXES, rows, missing=[field])
    assert again.changes == {}
    assert loader.registry(registry) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "ORG"),
        ("service", "AUTRE"),
        ("dematerialization", "O"),
        ("family", "AUTRE"),
        ("given", "Annie"),
        ("title", "PR"),
        ("profession", "40"),
        ("skill", "SM54"),
        ("organization_name", "AUTRE"),
        ("trade_name", "AUTRE"),
        ("street", "AUTRE"),
        ("line6", "25000 AUTREVILLE"),
        ("postal_code", "25001"),
        ("department", "2A"),
        ("country", "Suisse"),
        ("structure", "1990000028"),
        ("national_id", BRUNO),
    ],
)
def test_each_column_of_the_file_reaches_the_document(registry: Connection, field: str, value: str) -> None:
    row = a_mailbox(
        structure_type="1",
        structure=f"1{HOSPITAL}",
        organization_name="CH",
        line6="25000 BESANCON",
        postal_code="25000",
    )
    load(registry, MAILBOXES, [row])
    before = published(registry)
    changed = load(registry, MAILBOXES, [row | {field: value}])
    assert changed.plan == {"update": 1}
    assert published(registry) != before
