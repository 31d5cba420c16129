"""Transactions are all or nothing, and slapd outlives them, however soon their end follows their last member."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from app.embedded import Slapd
from app.ldap.client import BatchRefused, Exporter, LdapUnreachable
from app.ldap.operations import Add, Delete, Modify, Operation, State, foundation
from app.ldap.tree import Tree

CONNECTIONS, TRANSACTIONS = 4, 120


def person(tree: Tree, address: str) -> Add:
    attributes = {"objectClass": ["inetOrgPerson"], "mail": [address], "cn": ["EXEMPLE"], "sn": ["EXEMPLE"]}
    return Add(tree.dn(address), attributes)


def addresses(exporter: Exporter) -> list[str]:
    return sorted(str(exporter.tree.address(dn)) for portion in exporter.entries() for dn, _ in portion)


class Killing(list[Operation]):
    """Members of which the last is reached when slapd is dead."""

    def __init__(self, slapd: Slapd, operations: list[Operation]) -> None:
        super().__init__(operations)
        self._slapd = slapd

    def __iter__(self) -> Iterator[Operation]:
        for at in range(len(self)):
            if at == len(self) - 1:
                assert self._slapd.process is not None
                self._slapd.process.kill()
                self._slapd.process.wait()
            yield self[at]


@pytest.fixture
def founded(slapd: Slapd) -> Slapd:
    """A tree of one mailbox: slapd refuses a transaction (80) that takes the last entry below another."""
    with Exporter(slapd.ldapi_uri, slapd.suffix) as exporter:
        exporter.commit(foundation(slapd.suffix, State(0, None, None, None)))
        exporter.write(person(exporter.tree, "stays@exemple.mssante.fr"))
    return slapd


@pytest.mark.parametrize(
    "refused",
    [
        Delete("mail=absent@exemple.mssante.fr,ou=bal,dc=mssante,dc=fr"),  # at the end of the transaction
        Add("no name", {"objectClass": ["device"]}),  # as it is queued
        Modify("mail=stays@exemple.mssante.fr,ou=bal,dc=mssante,dc=fr", {"nobody": ["knows"]}),
    ],
)
def test_one_refused_member_undoes_all_others_and_the_connection_goes_on(founded: Slapd, refused: Operation) -> None:
    with Exporter(founded.ldapi_uri, founded.suffix) as exporter:
        others = [person(exporter.tree, f"{number}@exemple.mssante.fr") for number in range(3)]
        for at in range(4):
            with pytest.raises(BatchRefused):
                exporter.commit([*others[:at], refused, *others[at:]])
            assert addresses(exporter) == ["stays@exemple.mssante.fr"]
        exporter.commit(others)
        assert len(addresses(exporter)) == 4


def test_members_are_executed_in_their_order(founded: Slapd) -> None:
    """Of one entry too: a replica is never shown an edition ahead of its entries."""
    with Exporter(founded.ldapi_uri, founded.suffix) as exporter:
        name = exporter.tree.dn("stays@exemple.mssante.fr")
        for batch in range(20):
            exporter.commit([Modify(name, {"street": [f"{batch}.{at}"]}) for at in range(100)])
            assert exporter.read(["stays@exemple.mssante.fr"])["stays@exemple.mssante.fr"]["street"] == [f"{batch}.99"]


def test_a_slapd_that_is_killed_before_the_end_has_written_nothing(founded: Slapd) -> None:
    with Exporter(founded.ldapi_uri, founded.suffix) as exporter:
        members: list[Operation] = [person(exporter.tree, f"{number}@exemple.mssante.fr") for number in range(30)]
        with pytest.raises(LdapUnreachable):
            exporter.commit(Killing(founded, members))
        with pytest.raises(LdapUnreachable):
            exporter.state()
    founded.stop()
    founded.start()
    with Exporter(founded.ldapi_uri, founded.suffix) as exporter:
        assert addresses(exporter) == ["stays@exemple.mssante.fr"]


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


def test_a_member_that_is_still_being_queued_when_its_transaction_ends_kills_no_server(founded: Slapd) -> None:
    """slapd 2.5.13 with eight threads dies within a second of this: see olcThreads in its configuration."""
    with ProcessPoolExecutor(CONNECTIONS, mp_context=multiprocessing.get_context("spawn")) as writers:
        counts = [
            writers.submit(commit_many, founded.ldapi_uri, founded.suffix, f"writer{number}")
            for number in range(CONNECTIONS)
        ]
        assert sum(count.result() for count in counts) == 2 * CONNECTIONS * TRANSACTIONS
    assert founded.process is not None
    assert founded.process.poll() is None
