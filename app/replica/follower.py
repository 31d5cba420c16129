"""A follower: it keeps a copy of the directory, page by page, and begins anew where the feed does not go on.

begin ─► page ─► rows and cursor, one transaction ─► … ─► the page that ends at the edition: the copy is the directory
  ▲                    └─ killed: the same page again, which changes nothing
  └── the cursor is over (410): another history, or changes that are not kept any more
"""

from collections.abc import Iterable

from app.console import Refused
from app.members.rest import Answered
from app.replica.beginning import load
from app.replica.copy import Copy, Held
from app.replica.source import Change, Checkpoint, CursorOver, Page, Source

# A directory that moves on while its digest is asked for is asked again, so often.
MOST_TRIES = 50
MOST_SNAPSHOTS = 5
# Between the list of snapshots and its files.
GONE = {"snapshot.withdrawn", "snapshot.unknown"}


class Follower:
    """`begun`: how often it had to begin."""

    def __init__(self, source: Source, copy: Copy) -> None:
        self.source = source
        self.copy = copy
        self.begun = 0

    def step(self, *, wait: int = 0, digest: bool = False) -> Page:
        """Take one page. Where the cursor is over, begin anew with the first page of that."""
        held = self.copy.held
        if held.cursor is None:
            return self._begin(held)
        try:
            page = self.source.page(held.cursor, wait=wait, digest=digest)
        except CursorOver:
            return self._begin(held)
        self._take(held, page)
        return page

    def catch_up(self) -> Held:
        """Take pages until the copy is the directory at some edition."""
        while not self.step().is_at_edition:
            pass
        return self.copy.held

    def checkpoint(self) -> Checkpoint:
        """Catch up, and get the checkpoint of the very edition at which the copy then is.

        Raises Refused when the directory moves on each time.
        """
        for _ in range(MOST_TRIES):
            self.catch_up()
            page = self.step(digest=True)
            if page.checkpoint is not None:
                return page.checkpoint
        raise Refused("the directory moves on faster than it is followed", "replica.behind")

    def forget(self) -> None:
        """Begin anew with the next page. What is held stays until then."""
        held = self.copy.held
        with self.copy.transaction():
            self.copy.move(held, Held(None, 0))

    def _begin(self, held: Held) -> Page:
        """Begin with a snapshot, else with the log if it is whole, else with a snapshot that is waited for."""
        if self._load_snapshot(patient=False):
            return self.step()
        page = self.source.page(None)
        first = page.changes[0].sequence if page.changes else page.edition + 1
        if first == 1:
            self.begun += 1
            self._take(held, page, anew=True)
            return page
        if self._load_snapshot(patient=True):
            return self.step()
        raise Refused(
            f"the feed begins at change {first}, and the directory offers no snapshot to begin with",
            "replica.no_beginning",
        )

    def _load_snapshot(self, *, patient: bool) -> bool:
        """Replace the copy by the newest snapshot; False where none is offered."""
        for _ in range(MOST_SNAPSHOTS):
            try:
                snapshot = self.source.snapshot(patient=patient)
                if snapshot is None:
                    return False
                load(self.source, self.copy, snapshot)
            except Answered as refusal:
                if refusal.code not in GONE:
                    raise
                # Somebody was hidden meanwhile: a newer one does not show them.
                continue
            self.begun += 1
            return True
        raise Refused("one snapshot after the other is withdrawn while it is fetched", "replica.snapshot")

    def _take(self, held: Held, page: Page, *, anew: bool = False) -> None:
        """Write what the page says and where it ends, or nothing of it."""
        latest = _latest(page.changes)
        with self.copy.transaction():
            if anew:
                self.copy.empty()
            self.copy.put([change.resource for change in latest if change.resource])
            self.copy.delete((change.kind, change.key) for change in latest if change.resource is None)
            self.copy.move(held, Held(page.cursor, page.changes[-1].sequence if page.changes else page.edition))


def _latest(changes: Iterable[Change]) -> Iterable[Change]:
    """The last word of a page on each resource."""
    return {(change.kind, change.key): change for change in changes}.values()
