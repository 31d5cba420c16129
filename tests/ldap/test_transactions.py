"""slapd outlives transactions, however soon their end follows their last member."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from app.embedded import Slapd
from app.ldap.client import Exporter
from app.ldap.operations import Add, Delete
from app.ldap.tree import Tree

CONNECTIONS, TRANSACTIONS = 4, 120


def person(tree: Tree, address: str) -> Add:
    attributes = {"objectClass": ["inetOrgPerson"], "mail": [address], "cn": ["EXEMPLE"], "sn": ["EXEMPLE"]}
    return Add(tree.dn(address), attributes)


def commit_many(uri: str, suffix: str, mine: str) -> int:
    """How many transactions of one entry each were committed over one connection."""
    done = 0
    with Exporter(uri, suffix) as exporter:
        for at in range(TRANSACTIONS):
            address = f"{mine}-{at}@exemple.mssante.fr"
            exporter.commit([person(exporter.tree, address)])
            exporter.commit([Delete(exporter.tree.dn(address))])
            done += 2
    return done


def test_a_member_that_is_still_being_queued_when_its_transaction_ends_kills_no_server(slapd: Slapd) -> None:
    """slapd 2.5.13 with eight threads dies within a second of this: see olcThreads in its configuration."""
    suffix = slapd.suffix
    with Exporter(slapd.ldapi_uri, suffix) as exporter:
        exporter.write(Add(suffix, {"objectClass": ["dcObject", "organization"], "dc": ["mssante"], "o": ["annuaire"]}))
        exporter.write(Add(exporter.tree.mailboxes, {"objectClass": ["organizationalUnit"], "ou": ["bal"]}))
        # slapd refuses a transaction (80) that takes the last entry below another.
        exporter.write(person(exporter.tree, "stays@exemple.mssante.fr"))
    with ProcessPoolExecutor(CONNECTIONS, mp_context=multiprocessing.get_context("spawn")) as writers:
        counts = [
            writers.submit(commit_many, slapd.ldapi_uri, suffix, f"writer{number}") for number in range(CONNECTIONS)
        ]
        assert sum(count.result() for count in counts) == 2 * CONNECTIONS * TRANSACTIONS
    assert slapd.process is not None
    assert slapd.process.poll() is None
