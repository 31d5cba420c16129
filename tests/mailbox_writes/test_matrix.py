"""Who may write where: every operator, credential, domain and verb, by the white list alone."""

import asyncio
import itertools
from typing import Any

import psycopg
import pytest

from app.access.caller import Identity
from app.mailboxes.batch import judged, outcomes, stand_for
from app.mailboxes.batch_body import Line
from app.mailboxes.one_write import Pool, write
from app.mailboxes.wish import Operation, Wish, address_of, body_of
from app.mailboxes.writing import Writer
from app.pools import write_pool
from app.problems import Problem
from app.settings import Settings
from tests.builders import RPPS, a_practitioner, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
# Certificates by operator, and the domains that the white list gives each.
LISTED: dict[str, dict[str, tuple[str, ...]]] = {
    "1": {"CN=one,OU=1": ("a.mssante.fr", "both.mssante.fr"), "CN=two,OU=1": ("b.mssante.fr", "both.mssante.fr")},
    "2": {"CN=one,OU=2": ("c.mssante.fr", "both.mssante.fr"), "CN=none,OU=2": ()},
}
DOMAINS = ("a", "b", "c", "both", "x.a", "aa", "xn--a-9ia", "a.mssante.fr", "unlisted")
VERBS: tuple[Operation, ...] = ("put", "patch", "delete")
# A name of no certificate of ours, and one of the other operator, which no caller should be able to come with.
FOREIGN = ("CN=nobody", "CN=one,OU=2")


@pytest.fixture
def listed(database: Database) -> Connection:
    connection: Connection = database.connect()
    person = a_practitioner(connection)
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    for operator, certificates in LISTED.items():
        connection.execute("INSERT INTO operator (id, name) VALUES (%s, %s)", (operator, operator))
        for dn, domains in certificates.items():
            connection.execute(
                "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, operator, dn)
            )
            for domain in domains:
                connection.execute(
                    "INSERT INTO domain (name, certificate, source) VALUES (%s, %s, 'liste_blanche')", (domain, dn)
                )
    publish(connection, ("practitioner", person))
    return connection


def expected(operator: str, certificate: str | None, domain: str) -> bool:
    certificates = LISTED[operator]
    names = certificates if certificate is None else [certificate] if certificate in certificates else []
    return any(domain in certificates[name] for name in names)


async def attempt(pool: Pool, writer: Writer, verb: Operation, address: str) -> tuple[int, str | None]:
    body = None if verb == "delete" else body_of(verb, {"type": "PER", "practitioner": RPPS} if verb == "put" else {})
    wish = Wish(verb, address_of(address), body, if_match=None if verb == "put" else "*")
    try:
        return (await write(pool, writer, wish, None)).status, None
    except Problem as problem:
        return int(problem.status), problem.code


def writer_for(operator: str, certificate: str | None) -> Writer:
    identity = Identity(
        "k", operator=operator, scopes=frozenset({"publish"}), credential="key:k", certificate=certificate
    )
    return Writer(identity, operator, None, ("*.mssante.fr",), 730)


@pytest.mark.usefixtures("listed")
def test_every_cell(settings: Settings) -> None:
    async def run() -> dict[tuple[Any, ...], tuple[int, str | None]]:
        found = {}
        async with write_pool(settings) as pool:
            for number, (operator, certificates) in enumerate(LISTED.items()):
                for certificate in (None, *certificates, *FOREIGN):
                    for domain, verb in itertools.product(DOMAINS, VERBS):
                        name = f"{domain}.mssante.fr"
                        # The verbs follow one another: what put made, patch changes and delete withdraws.
                        address = f"m{number}.{abs(hash(certificate))}@{name}"
                        cell = (operator, certificate, name, verb)
                        found[cell] = await attempt(pool, writer_for(operator, certificate), verb, address)
        return found

    found = asyncio.run(run())
    done = {"put": (201, None), "patch": (200, None), "delete": (204, None)}
    wrong = {
        cell: answer
        for cell, answer in found.items()
        if answer != (done[cell[3]] if expected(*cell[:3]) else (403, "domain.not_yours"))
    }
    assert wrong == {}
    assert sum(answer[1] is None for answer in found.values()) == 3 * (3 + 2 + 2 + 2 + 2 + 0)


@pytest.mark.usefixtures("listed")
def test_a_portion_of_a_batch_has_each_line_judged_by_its_own_domain(settings: Settings) -> None:
    async def run() -> list[str | None]:
        body = body_of("put", {"type": "PER", "practitioner": RPPS})
        lines = [
            Line(number, None, Wish("put", address_of(f"m@{domain}.mssante.fr"), body))
            for number, domain in enumerate(DOMAINS)
        ]
        async with write_pool(settings) as pool, pool.connection() as connection, connection.transaction():
            writer = writer_for("1", "CN=one,OU=1")
            verdicts = judged(writer, lines, await stand_for(connection, writer, lines))
        assert len(outcomes(verdicts)) == 2
        return [verdict.code if isinstance(verdict, Problem) else None for verdict in verdicts]

    refused = "domain.not_yours"
    assert asyncio.run(run()) == [None, refused, refused, None, refused, refused, refused, refused, refused]
