"""What slapd keeps of the writes that it was sent in transactions."""

from pathlib import Path

import pytest

from app.embedded import Slapd, free_port
from app.ldap.client import Exporter
from app.ldap.operations import Delete, State, foundation
from app.ldap.version import is_frugal
from tests.harness import newer_slapd
from tests.ldap.test_transactions import person
from tests.soak.samples import held_by

# 2.5.13 has lost some 10 MB after so many; a newer one has 1.4 MB in the log for its replicas, which has a limit.
WARM_UP, MEMBERS, A_TRANSACTION = 4_000, 8_000, 20
KEPT = 5.0


@pytest.mark.parametrize("which", newer_slapd.EITHER)
def test_an_older_slapd_keeps_what_a_transaction_took_and_a_newer_one_gives_it_back(which: str, open_dir: Path) -> None:
    """One that is said to be older, and gives it back, has been mended: then nobody need be warned any more."""
    with (
        Slapd(open_dir, port=free_port(), root=newer_slapd.root_of(which)) as slapd,
        Exporter(slapd.ldapi_uri, slapd.suffix) as exporter,
    ):
        assert slapd.process
        exporter.commit(foundation(slapd.suffix, State(0, None, None, None)))
        exporter.write(person(exporter.tree, "stays@exemple.mssante.fr"))
        add_and_delete(exporter, WARM_UP)
        before = held_by(slapd.process.pid).memory
        add_and_delete(exporter, MEMBERS)
        assert (held_by(slapd.process.pid).memory - before < KEPT) is is_frugal(exporter.version())


def add_and_delete(exporter: Exporter, members: int) -> None:
    for _ in range(members // A_TRANSACTION // 2):
        people = [person(exporter.tree, f"{number}@exemple.mssante.fr") for number in range(A_TRANSACTION)]
        exporter.commit(people)
        exporter.commit([Delete(each.dn) for each in people])
