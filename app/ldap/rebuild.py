"""A whole tree: made offline by slapadd from one snapshot, or an existing one made right where it differs.

Offline is the way for a first load and for a suspect database file: tens of times faster, and a tree that nobody
touched. `annuaire ldap rebuild --data-dir DIR` loads beside the tree that is served and then changes places; the loop
that follows the log goes on from the edition that stands in the new tree, whatever it wrote to the old one meanwhile.
Where slapd is not ours to stop, `reconcile` compares every entry, by its values or by its sequence, and writes the
differences.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import structlog

from app.db import connect
from app.embedded import Slapd
from app.ldap import aside, lock
from app.ldap.batch import Written, apply
from app.ldap.client import Exporter
from app.ldap.compare import Comparison, Difference, compare, portions
from app.ldap.documents import changes_after, current, snapshot, stream
from app.ldap.entries import LAYOUT, Entry, Unstorable, entry
from app.ldap.ldif import record
from app.ldap.operations import Delete, Modify, MoveEdition, State, foundation
from app.ldap.tree import Tree
from app.publication.digest import Digest, root
from app.settings import Settings

logger = structlog.get_logger(__name__)

BLOCK = 1 << 16


class Ldif:
    """The tree as LDIF from one REPEATABLE READ snapshot, to be iterated once; then it knows what it wrote.

    A mailbox that no entry can hold is left out and named in `refused`.
    """

    def __init__(self, settings: Settings, progress: Callable[[int], None] | None = None) -> None:
        self._settings = settings
        self._progress = progress
        self.edition = 0
        self.entries = 0
        self.refused: dict[str, str] = {}

    def __iter__(self) -> Iterator[bytes]:
        """Blocks of about 64 KiB."""
        with connect(self._settings, autocommit=True) as connection, snapshot(connection):
            proof = root(connection)
            self.edition = proof.edition
            state = State(proof.edition, proof.epoch, proof.root, proof.edition)
            block = [record(above.dn, above.attributes) for above in foundation(self._settings.ldap_suffix, state)]
            size = sum(map(len, block))
            for text in self._records(connection):
                block.append(text)
                size += len(text)
                if size >= BLOCK:
                    yield b"".join(block)
                    block, size = [], 0
            yield b"".join(block)

    def _records(self, connection: psycopg.Connection[Any]) -> Iterator[bytes]:
        tree = Tree(self._settings.ldap_suffix)
        for document in stream(connection):
            try:
                attributes = entry(document)
            except Unstorable as reason:
                self.refused[document["address"]] = str(reason)
                continue
            self.entries += 1
            if self._progress:
                self._progress(1)
            yield record(tree.dn(document["address"]), attributes)


def load_into(slapd: Slapd, settings: Settings) -> Ldif:
    """Fill a stopped slapd from the publication. Raises SlapdFailed; its tree is then what it was before."""
    ldif = Ldif(settings)
    slapd.load(ldif)
    return ldif


def founded(connection: psycopg.Connection[Any], exporter: Exporter) -> State:
    """What the tree says of itself; a tree without entries becomes the tree at edition 0.

    Raises LdapFailed where slapd does not know the attributes that entries are written with.
    """
    state = exporter.state()
    if state is None or state.layout != LAYOUT:
        exporter.require_schema()
    if state is None:
        epoch = changes_after(connection, 0, 1).epoch
        state = State(0, epoch, None, None)
        exporter.commit(foundation(exporter.tree.suffix, state))
        logger.info("LDAP tree founded", suffix=exporter.tree.suffix, epoch=epoch)
    return state


def reconcile(
    connection: psycopg.Connection[Any],
    exporter: Exporter,
    portion: int,
    *,
    by: Comparison = compare,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, Written]:
    """Make a tree that stands equal to the publication, whatever it holds. Returns (edition, what was written).

    The caller holds the lock, and chooses `compare_sequences` for a tree of the same history alone. The tree's own
    edition and epoch stay until everything is right: a reconciliation that is killed begins anew, and finds less to do.
    All is read from one snapshot, so its digest is the tree's in the end; it is written where values were compared.
    """
    before = founded(connection, exporter)
    written = Written()
    with snapshot(connection):
        proof = root(connection)
        differences: list[Difference] = []
        for compared in by(connection, exporter):
            differences.extend(compared.differences)
            if progress:
                progress(compared.entries)
        _remove_foreign(exporter, differences, written)
        names = [difference.name for difference in differences if difference.kind != "foreign"]
        for addresses in portions(names, portion):
            written.add(apply(exporter, current(connection, addresses), before.edition, before.edition))
    # Entries whose sequences were compared alone may be written in any layout.
    proved = {**_digest(proof, is_equal=not written.refused), "annuaireLayout": [LAYOUT]} if by is compare else {}
    _settle(exporter, before, proof, proved)
    aside.note_whole(connection, written.refused, written.refused)
    return proof.edition, written


def reconcile_now(settings: Settings, progress: Callable[[int], None] | None = None) -> tuple[int, Written]:
    """`reconcile` with connections of its own. Raises LdapFailed, and Refused when another exporter is busy."""
    with (
        connect(settings, autocommit=True) as connection,
        Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter,
        lock.waiting(connection),
    ):
        return reconcile(connection, exporter, settings.ldap_batch, progress=progress)


def _remove_foreign(exporter: Exporter, differences: list[Difference], written: Written) -> None:
    names = [difference.name for difference in differences if difference.kind == "foreign"]
    # The longest first: an entry goes after those below it.
    for name in sorted(names, key=len, reverse=True):
        exporter.write(Delete(name))
        written.deleted += 1


def _digest(proof: Digest, *, is_equal: bool) -> Entry:
    return {
        "annuaireDigest": [proof.root] if is_equal else [],
        "annuaireDigestEdition": [str(proof.edition)] if is_equal else [],
    }


def _settle(exporter: Exporter, before: State, proof: Digest, proved: Entry) -> None:
    """Edition, epoch and what was proved of the whole tree, in one step; only if nobody moved the edition meanwhile."""
    top = exporter.tree.suffix
    says = {"annuaireEdition": [str(proof.edition)], "annuaireEpoch": [proof.epoch], **proved}
    exporter.commit([MoveEdition(top, before.edition, before.edition), Modify(top, says)])
