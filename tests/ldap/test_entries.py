"""Document → entry (INTERFACES §4): tables of cases, no server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ldap.entries import Unstorable, entry
from tests.ldap.documents import ADDRESS, a_mailbox, a_person, a_place, a_structure

ORG = {"type": "ORG", "practitioner": None, "organization": a_structure()}


def test_a_personal_mailbox_carries_the_person() -> None:
    assert entry(a_mailbox()) == {
        "objectClass": ["inetOrgPerson", "mssanteBAL"],
        "mail": [ADDRESS],
        "TypeBAL": ["PER"],
        "cn": ["EXEMPLE Anne-Élise", "Anne-Élise EXEMPLE", "EXEMPLE Anne-Elise", "Anne-Elise EXEMPLE"],
        "sn": ["EXEMPLE"],
        "givenName": ["Anne-Élise", "Anne-Elise"],
        "displayName": ["Dr Anne-Élise EXEMPLE"],
        "title": ["Médecin"],
        "profession": ["10"],
        "IdentifiantPP": ["99900000060"],
        "TypeIdentifiantPP": ["8"],
        "annuaireUse": ["care 1999911 person", "desk 5999910 desk-person"],
        "annuaireSequence": ["1"],
    }


def test_a_structure_mailbox_carries_no_attribute_of_a_person() -> None:
    document = a_mailbox(**ORG, service="Cardiologie", description="Secrétariat", place=a_place())
    document["practitioner"] = a_person()
    document["attachments"] = [{"organization": a_structure(), "practitioner": a_person()}]
    assert entry(document) == {
        "objectClass": ["inetOrgPerson", "mssanteBAL"],
        "mail": [ADDRESS],
        "TypeBAL": ["ORG"],
        "cn": ["CENTRE HOSPITALIER D'EXEMPLE Cardiologie"],
        "sn": ["CENTRE HOSPITALIER D'EXEMPLE Cardiologie"],
        "displayName": ["CENTRE HOSPITALIER D'EXEMPLE Cardiologie"],
        "IdentifiantPM": ["990000010"],
        "TypeIdentifiantPM": ["FINESS"],
        "o": ["CENTRE HOSPITALIER D'EXEMPLE"],
        "ou": ["Cardiologie"],
        "description": ["Secrétariat"],
        "l": ["EXEMPLEVILLE"],
        "postalCode": ["99010"],
        "st": ["99"],
        "street": ["1 rue des Essais"],
        "postalAddress": ["1 rue des Essais$99010 EXEMPLEVILLE"],
        "annuaireUse": ["care/its_service 2999910 service", "desk/its_service 2999910 desk-service"],
        "annuaireService": ["cardiologie"],
        "annuaireSequence": ["1"],
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"practitioner": None, "description": "Accueil é"}, "Accueil é"),
        ({"practitioner": None, "organization": a_structure(name="LABO")}, "LABO"),
        ({"practitioner": None}, "anne-elise.exemple"),
        ({"practitioner": a_person(family=None, given=None)}, "anne-elise.exemple"),
        ({"type": "CAB", "practitioner": None, "description": "Cabinet partagé"}, "Cabinet partagé"),
        ({"type": "ORG", "practitioner": None, "organization": a_structure(name="LABO")}, "LABO"),
        (
            {"type": "ORG", "practitioner": None, "organization": a_structure(name=None, trade_name="ENSEIGNE")},
            "ENSEIGNE",
        ),
        ({"type": "APP", "practitioner": None, "service": "Imagerie"}, "Imagerie"),
        ({"type": "APP", "practitioner": None, "description": "Serveur"}, "Serveur"),
        ({"type": "ORG", "practitioner": None}, "anne-elise.exemple"),
    ],
)
def test_a_mailbox_without_a_known_person_is_named_by_what_is_known(changes: dict[str, Any], name: str) -> None:
    made = entry(a_mailbox(**changes))
    assert made["cn"][0] == made["sn"][0] == name
    assert made["displayName"] == [name]
    assert "givenName" not in made


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "Dr Anne-Élise EXEMPLE"),
        ({"title": "Professeur"}, "Pr Anne-Élise EXEMPLE"),
        ({"title": "Médecin chef"}, "Médecin chef Anne-Élise EXEMPLE"),
        ({"title": None}, "Anne-Élise EXEMPLE"),
        ({"given": None}, "Dr EXEMPLE"),
    ],
)
def test_the_name_shown_begins_with_the_short_title(changes: dict[str, Any], shown: str) -> None:
    assert entry(a_mailbox(practitioner=a_person(**changes)))["displayName"] == [shown]


def test_a_cabinet_is_shown_as_one() -> None:
    assert entry(a_mailbox(type="CAB"))["displayName"] == ["Cabinet EXEMPLE"]


@pytest.mark.parametrize(
    ("changes", "number", "kind"),
    [
        ({}, "99900000060", "8"),
        ({"rpps": None, "national_id": "0990000011"}, "990000011", "0"),
        ({"rpps": None, "national_id": "3990000010/0012"}, "990000010/0012", "3"),
    ],
)
def test_a_person_is_identified_by_number_and_kind(changes: dict[str, Any], number: str, kind: str) -> None:
    made = entry(a_mailbox(practitioner=a_person(**changes)))
    assert (made["IdentifiantPP"], made["TypeIdentifiantPP"]) == ([number], [kind])


def test_a_person_without_any_number_has_no_identification() -> None:
    made = entry(a_mailbox(practitioner=a_person(rpps=None, national_id=None)))
    assert not {"IdentifiantPP", "TypeIdentifiantPP"} & set(made)


@pytest.mark.parametrize(
    ("changes", "number", "kind"),
    [
        ({"siret": "99000000000010"}, "990000010", "FINESS"),
        ({"finess": None, "siret": "99000000000010", "id": "399000000000010"}, "99000000000010", "SIRET"),
        ({"finess": None, "id": "2990000000"}, "990000000", "SIREN"),
    ],
)
def test_a_structure_is_identified_by_finess_then_siret_then_siren(
    changes: dict[str, Any], number: str, kind: str
) -> None:
    made = entry(a_mailbox(organization=a_structure(**changes)))
    assert (made["IdentifiantPM"], made["TypeIdentifiantPM"]) == ([number], [kind])


def test_a_structure_known_by_a_technical_id_alone_has_only_its_name() -> None:
    made = entry(a_mailbox(organization=a_structure(finess=None, id="R99990000000001")))
    assert made["o"] == ["CENTRE HOSPITALIER D'EXEMPLE"]
    assert not {"IdentifiantPM", "TypeIdentifiantPM"} & set(made)


def test_further_holders_add_values_after_the_principal() -> None:
    other = a_person(family="SPECIMEN", rpps="99900000078", national_id="899900000078")
    adeli = a_person(family="ESSAI", rpps=None, national_id="0990000011")
    labo = a_structure(finess=None, siret="99000000000010", id="399000000000010", name="LABO")
    document = a_mailbox(organization=a_structure())
    document["attachments"] += [
        {"practitioner": other, "organization": a_structure()},
        {"practitioner": adeli, "organization": labo},
        {"practitioner": None, "organization": None},
    ]
    made = entry(document)
    assert made["IdentifiantPP"] == ["99900000060", "99900000078", "990000011"]
    assert made["TypeIdentifiantPP"] == ["8", "0"]
    assert made["IdentifiantPM"] == ["990000010", "99000000000010"]
    assert made["TypeIdentifiantPM"] == ["FINESS", "SIRET"]
    assert made["o"] == ["CENTRE HOSPITALIER D'EXEMPLE", "LABO"]
    assert made["sn"] == ["EXEMPLE"]


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"lines": ["a$b\\c", "BP 1"]}, r"a\24b\5Cc$BP 1$99010 EXEMPLEVILLE"),
        ({"country": "Belgique"}, "1 rue des Essais$99010 EXEMPLEVILLE$Belgique"),
        ({"lines": [], "postal_code": None}, "EXEMPLEVILLE"),
        ({"lines": [" "], "city": None, "country": None}, "99010"),
    ],
)
def test_a_postal_address_is_written_as_rfc_4517_says(changes: dict[str, Any], address: str) -> None:
    assert entry(a_mailbox(place=a_place(**changes)))["postalAddress"] == [address]


def test_an_address_beyond_ascii_or_beyond_the_limit_of_slapd_is_said() -> None:
    with pytest.raises(Unstorable, match="ASCII"):
        entry(a_mailbox(address="é@exemple.fr"))
    assert entry(a_mailbox(address="a" * 230 + "@mssante.fr"[-10:]))
    with pytest.raises(Unstorable, match="245"):
        entry(a_mailbox(address="a" * 231 + "@mssante.fr"[-10:]))


@given(st.text(), st.text(), st.text(), st.text())
def test_no_value_is_empty_and_none_holds_what_nobody_can_see(
    family: str, given_name: str, city: str, label: str
) -> None:
    document = a_mailbox(
        practitioner=a_person(family=family, given=given_name, profession={"code": "10", "label": label}),
        place=a_place(city=city, lines=[label, city]),
    )
    for values in entry(document).values():
        assert values
        for value in values:
            assert value == value.strip() != ""
            assert "\0" not in value
            assert len(value.splitlines()) == 1
