"""Registry rows with plain defaults: a test names what it is about and nothing else.

Everything is invented; numbers lie in ranges that are never given out. Rows are written to the registry only:
`publish` shows them, as a writer's transaction would.
"""

from typing import Any

import psycopg

RPPS = "99900000060"
FINESS = "990000010"
DOMAIN = "ch-exemple.mssante.fr"
OPERATOR = "1990000010"

Connection = psycopg.Connection[Any]


def publish(connection: Connection, *ids: tuple[str, str]) -> int:
    """Publish these (kind, key) in one transaction and commit. Returns the edition."""
    kinds, keys = [kind for kind, _ in ids], [key for _, key in ids]
    row = connection.execute("SELECT publish(%s, %s)", (kinds, keys)).fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def a_practitioner(
    connection: Connection,
    *,
    rpps: str = RPPS,
    family: str = "EXEMPLE",
    given: str | None = "Anne-Élise",
    profession: str = "10",
    category: str = "C",
    title: str | None = "DR",
    skill: str | None = "SM53",
    organization: str | None = None,
    register_state: str = "active",
) -> str:
    """A registered person with one practice, one skill and one role, at `organization` when given. Returns the key."""
    national_id = "8" + rpps
    connection.execute(
        "INSERT INTO practitioner (national_id, rpps, civility, register_state) VALUES (%s, %s, 'MME', %s)",
        (national_id, rpps, register_state),
    )
    practice = (national_id, profession, category)
    connection.execute(
        "INSERT INTO practice (practitioner, profession, category, title, family, given)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (*practice, title, family, given),
    )
    if skill:
        connection.execute(
            "INSERT INTO skill (practitioner, profession, category, skill_type, skill, source)"
            " VALUES (%s, %s, %s, 'S', %s, 'personne_activite')",
            (*practice, skill),
        )
    connection.execute(
        "INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector)"
        " VALUES (%s, %s, %s, %s, %s, 'S', 'SA01')",
        (f"role of {national_id}", *practice, organization),
    )
    return national_id


def a_structure(
    connection: Connection,
    *,
    key: str | None = None,
    finess: str | None = FINESS,
    siret: str | None = None,
    name: str | None = "CH EXEMPLE",
    long_name: str | None = None,
    trade_name: str | None = None,
    organization_type: str | None = "355",
    parent: str | None = None,
    technical_ids: tuple[str, ...] = (),
    city: str | None = "BESANCON",
    postal_code: str | None = "25000",
    department: str | None = "25",
    source: str = "finess",
) -> str:
    """A structure that one register asserts, under the key its numbers give it. Returns the key."""
    key = key or ("1" + finess if finess else "3" + siret if siret else technical_ids[0])
    connection.execute("INSERT INTO organization (key) VALUES (%s) ON CONFLICT DO NOTHING", (key,))
    connection.execute(
        "INSERT INTO organization_record (organization, source, kind, finess, siret, name, long_name, trade_name, type,"
        " parent, technical_ids, national_ids, number, street, city, postal_code, department, country)"
        " VALUES (%s, %s, 'GEOGRAPHICAL_ENTITY', %s, %s, %s, %s, %s, %s, %s, %s, '{}', '1', 'DES ESSAIS',"
        " %s, %s, %s, 'France')",
        (
            *(key, source, finess, siret, name, long_name, trade_name, organization_type, parent),
            *(list(technical_ids), city, postal_code, department),
        ),
    )
    return key


def a_mailbox(
    connection: Connection,
    address: str = f"anne.exemple@{DOMAIN}",
    *,
    mailbox_type: str = "PER",
    practitioner: str | None = None,
    organization: str | None = None,
    service: str | None = None,
    description: str | None = None,
    rank: int | None = None,
    unlisted: bool = False,
    state: str = "active",
    source: str = "mssante",
    successor: str | None = None,
) -> str:
    """A mailbox with one holder, or with none known. The person and the structure must exist. Returns the address."""
    connection.execute(
        "INSERT INTO mailbox (address, domain, type, service, description, rank, unlisted, state, source, successor)"
        " VALUES (%s, split_part(%s, '@', 2), %s, %s, %s, %s, %s, %s, %s, %s)",
        (address, address, mailbox_type, service, description, rank, unlisted, state, source, successor),
    )
    connection.execute(
        "INSERT INTO mailbox_attachment (address, practitioner, organization) VALUES (%s, %s, %s)",
        (address, practitioner, organization),
    )
    return address


def an_operator(
    connection: Connection, operator: str = OPERATOR, *, name: str = "GIP EXEMPLE", domains: tuple[str, ...] = (DOMAIN,)
) -> str:
    """An operator with one certificate that owns `domains`. Returns its id."""
    dn = f"C=FR,CN=bal.exemple,OU={operator}"
    connection.execute("INSERT INTO operator (id, name) VALUES (%s, %s)", (operator, name))
    connection.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, operator, dn)
    )
    for domain in domains:
        connection.execute(
            "INSERT INTO domain (name, certificate, source) VALUES (%s, %s, 'liste_blanche')", (domain, dn)
        )
    return operator


def a_small_directory(connection: Connection) -> int:
    """One person with a mailbox at one hospital, published. Returns the edition."""
    structure = a_structure(connection)
    person = a_practitioner(connection, organization=structure)
    address = a_mailbox(connection, practitioner=person, organization=structure)
    return publish(connection, ("organization", structure), ("practitioner", person), ("mailbox", address))
