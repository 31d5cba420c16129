"""Proof that the tree is the publication: every entry, every value; and the digest that says so on the suffix entry."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from app.db import connect
from app.ldap import aside, lock
from app.ldap.client import Exporter, LdapFailed
from app.ldap.compare import Difference, compare, compare_some
from app.ldap.documents import snapshot
from app.ldap.operations import Modify, MoveEdition
from app.ldap.rebuild import founded
from app.ldap.sync import catch_up
from app.publication.digest import Digest, root
from app.settings import Settings

MOST_LISTED = 100


@dataclass
class Verified:
    """`lag` = changes that the tree had still to follow when the command began. `differences` lists the first ones;
    `counts` counts all by kind. `digest` is set when there are none.
    """

    edition: int
    epoch: str
    entries: int
    lag: int
    digest: str | None
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not self.counts


def verify(settings: Settings, progress: Callable[[int], None] | None = None) -> Verified:
    """Compare the whole tree with the publication, while both may go on changing.

    The long pass runs beside the loop that follows the log. What differed in it is looked at again with the lock held,
    when the tree stands at exactly the edition of a snapshot: only that is a difference.
    Raises LdapFailed, and Refused when another exporter is busy.
    """
    with (
        connect(settings, autocommit=True) as connection,
        Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter,
    ):
        entries, suspects = _pass(connection, exporter, progress)
        with lock.waiting(connection):
            with snapshot(connection):
                before = founded(connection, exporter)
                proof = root(connection)
                made = catch_up(connection, exporter, settings)
                if made.edition != proof.edition:
                    raise LdapFailed(f"the tree is at edition {made.edition}, the publication at {proof.edition}")
                differences = _confirmed(connection, exporter, suspects)
                if not differences:
                    _set_digest(exporter, proof)
            aside.note_whole(connection, [difference.name for difference in differences], made.written.refused)
    return Verified(
        edition=proof.edition,
        epoch=proof.epoch,
        entries=entries,
        lag=max(0, proof.edition - before.edition),
        digest=None if differences else proof.root,
        counts=dict(Counter(difference.kind for difference in differences)),
        differences=differences[:MOST_LISTED],
    )


def _pass(
    connection: psycopg.Connection[Any], exporter: Exporter, progress: Callable[[int], None] | None
) -> tuple[int, list[Difference]]:
    """Entries of the tree, and what differed at the moment it was read."""
    entries = 0
    suspects: list[Difference] = []
    with snapshot(connection):
        for compared in compare(connection, exporter):
            entries += compared.entries
            suspects.extend(compared.differences)
            if progress:
                progress(compared.entries)
    return entries, suspects


def _confirmed(connection: psycopg.Connection[Any], exporter: Exporter, suspects: list[Difference]) -> list[Difference]:
    foreign = [suspect for suspect in suspects if suspect.kind == "foreign"]
    names = [suspect.name for suspect in suspects if suspect.kind != "foreign"]
    return foreign + compare_some(connection, exporter, names)


def _set_digest(exporter: Exporter, proof: Digest) -> None:
    top = exporter.tree.suffix
    says = {"annuaireDigest": [proof.root], "annuaireDigestEdition": [str(proof.edition)]}
    exporter.commit([MoveEdition(top, proof.edition, proof.edition), Modify(top, says)])
