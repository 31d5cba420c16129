"""The first persons of every set: one for each case that must be met at any size, the same for every seed.

Documents and tests may name them: RPPS 99900000060 is Anne-Élise EXEMPLE, doctor, at Besançon and in the
hospital 990000010, with anne-elise.exemple@medecin-exemple.mssante.fr.
"""

from dataclasses import replace

from app.sandbox.domains import GATEWAY_DOMAIN, UNLISTED_DOMAIN
from app.sandbox.mailboxes import Box
from app.sandbox.persons import Person, identity_of, legacy_identity
from app.sandbox.places import ABROAD, Address
from app.sandbox.practices import RANKS, Activity, Workplaces
from app.sandbox.professions import NO_CODE, PROFESSIONS
from app.sandbox.sites import NOWHERE, Structure
from app.sandbox.skills import SKILLS

LONG_SERVICE = "Service de médecine interne, immunologie clinique, maladies rares et soin de suite du pôle"
UNKNOWN_INDEX = 9_999_999  # no set is that large: the RPPS of a mailbox whose holder no file knows

_LIBERAL, _EMPLOYEE = "L|Libéral", "S|Salarié"
_TOWN = {
    "street_type": "RUE",
    "street_type_label": "Rue",
    "street": "DE L'EXEMPLE",
    "country_code": "99000",
    "country": "France",
}
BESANCON = Address(number="6", line6="25000 BESANCON", postal_code="25000", commune="25056", city="Besançon", **_TOWN)
AJACCIO = Address(number="9", line6="20000 AJACCIO", postal_code="20000", commune="2A004", city="Ajaccio", **_TOWN)
SAINT_MARTIN = Address(
    number="6", line6="97150 ST MARTIN", postal_code="97150", commune="97801", city="Saint-Martin", **_TOWN
)
NO_COMMUNE = Address(
    number="P", street="R DENIS  EXEMPLE", distribution="BP 12", line6="25030 BESANCON CEDEX", postal_code="25030"
)  # fmt: skip

Special = tuple[Person, tuple[Box, ...]]


def _activity(mode: str, structure: Structure) -> Activity:
    return Activity(mode, structure, "", "", structure.former_id, NO_CODE, NO_CODE, "GENR01|Activité de soins")


def _person(
    index: int, family: str, given: str, code: str, *activities: Activity, skills: tuple[str, ...] = ()
) -> Person:
    profession = PROFESSIONS[code]
    return Person(
        index=index,
        identity=identity_of(index),
        title="DR|Docteur" if code == "10" else NO_CODE,
        civility="MME|Madame" if given.endswith("e") else "M|Monsieur",
        family=family,
        given=given,
        code=code,
        profession=profession.columns["C"],
        skills=tuple(SKILLS[skill] for skill in skills),
        activities=activities,
        authority=profession.authority,
    )


def _box(address: str, structure: Structure = NOWHERE, service: str = "") -> Box:
    return Box(address, structure, service, is_paperless=True)


def special_persons(workplaces: Workplaces) -> list[Special]:
    """Persons 0, 1, 2… and their mailboxes."""
    hospital, second = workplaces.sites[0].structure, workplaces.sites[1].structure

    def liberal(index: int, family: str, address: Address) -> Activity:
        number = identity_of(index).split("|")[1]
        return _activity(_LIBERAL, workplaces.practice(number, family, index * RANKS, address.activity_columns))

    employed = _activity(_EMPLOYEE, hospital)
    nowhere = Activity("|", NOWHERE, "", "", "", NO_CODE, NO_CODE, NO_CODE)
    legacy = replace(_person(3, "ANCIEN", "Adèle", "91", employed), identity=legacy_identity(0))
    mistyped = replace(liberal(12, "CHIFFRE", BESANCON), former_id="499900000129001")
    wrong_check = _person(12, "CHIFFRE", "Clélie", "70", mistyped)
    wrong_check = replace(wrong_check, identity=wrong_check.identity.replace("99900000128", "99900000129"))
    doctor = _person(
        6, "EXEMPLE", "Anne-Élise", "10", liberal(6, "EXEMPLE", BESANCON), employed, skills=("SM54", "CAPA06")
    )
    shared = _box("cabinet.partage@infirmier-exemple.mssante.fr")
    words = ("luc.cinq", "l.cinq", "cinq.luc", "luc-cinq", "luc.cinq1")
    five = tuple(_box(f"{word}@pro-exemple.mssante.fr") for word in words)
    two_places = tuple(_box("anais.deuxlieux@ch-exemple.mssante.fr", place) for place in (hospital, second))
    doctors_boxes = (
        _box("anne-elise.exemple@medecin-exemple.mssante.fr"),
        _box("anne-elise.exemple@ch-exemple.mssante.fr", hospital, "CARDIOLOGIE"),
    )
    corsican = _person(4, "D\u2019ORNANO", "Ange", "70", liberal(4, "D\u2019ORNANO", AJACCIO))
    # The e-mail column of the activity file holds a mailbox of the trust space now and then.
    mailed = replace(liberal(5, "EXEMPLE-TEST", SAINT_MARTIN), email="b.exempletest@medecin-exemple.mssante.fr")
    islander = _person(5, "EXEMPLE-TEST", "BÉNÉDICTE", "10", mailed, skills=("SM53",))
    quoted = _person(11, "D'ESSAI", 'Jean "Jo" Noël', "60", employed)
    gateway = _person(18, "PASSERELLE", "Basile", "10", liberal(18, "PASSERELLE", BESANCON), skills=("SM54",))
    return [
        (_person(0, "PARTAGE", "Odile", "60", liberal(0, "PARTAGE", BESANCON)), (shared,)),
        (_person(1, "PARTAGE", "Paul", "60", liberal(1, "PARTAGE", BESANCON)), (shared,)),
        (_person(2, "CINQ", "Luc", "50", employed), five),
        (legacy, (_box("adele.ancien@orthophoniste-exemple.mssante.fr", hospital),)),
        (corsican, (_box("ange.dornano@masseur-kinesitherapeute-exemple.mssante.fr"),)),
        (islander, (_box("b.exempletest@medecin-exemple.mssante.fr"),)),
        (doctor, doctors_boxes),
        (_person(7, "ÉTRANGER", "Émile", "10", liberal(7, "ÉTRANGER", ABROAD), skills=("SM49",)), ()),
        (_person(8, "SANSLIEU", "Mélia", "93", nowhere), ()),
        (_person(9, "SANS-COMMUNE", "INÈS", "60", liberal(9, "SANS-COMMUNE", NO_COMMUNE)), ()),
        (_person(10, "DEUXLIEUX", "Anaïs", "40", employed, _activity(_EMPLOYEE, second)), two_places),
        (quoted, (_box("Jean.DESSAI@CH-Exemple.mssante.fr", hospital),)),
        (wrong_check, ()),
        (_person(13, "RADIE", "Yves", "10", employed), (_box("yves.radie@medecin-exemple.mssante.fr"),)),
        (_person(14, "DOUBLON", "Denise", "60", employed), ()),
        (_person(15, "MARTIN", "Marie", "60", employed), (_box("marie.martin@infirmier-exemple.mssante.fr"),)),
        (_person(16, "MARTIN", "Marie", "60", employed), (_box("marie.martin2@infirmier-exemple.mssante.fr"),)),
        (_person(17, "HORSLISTE", "Hugo", "80", employed), (_box(f"hugo.horsliste@{UNLISTED_DOMAIN}"),)),
        (gateway, (_box(f"Basile.Passerelle@{GATEWAY_DOMAIN}"),)),
    ]


SPECIAL_PERSONS = 19
TWICE_PRINTED = 14  # the person whose row is an exact duplicate


def unknown_holder() -> Special:
    """A mailbox whose RPPS the person file does not know."""
    person = _person(
        UNKNOWN_INDEX, "INCONNU", "Ulysse", "10", Activity("|", NOWHERE, "", "", "", NO_CODE, NO_CODE, NO_CODE)
    )
    return person, (_box("ulysse.inconnu@medecin-exemple.mssante.fr"),)


def special_organization_boxes(workplaces: Workplaces) -> list[Box]:
    """ORG mailboxes with fixed addresses, one with a service of 90 characters, the longest the field allows."""
    hospital = workplaces.sites[0].structure
    return [
        Box("secretariat.cardio@ch-exemple.mssante.fr", hospital, "CARDIOLOGIE", is_paperless=False),
        Box("medecine.interne@ch-exemple.mssante.fr", hospital, LONG_SERVICE, is_paperless=False),
    ]
