"""What becomes of a write that the rules admit."""

from dataclasses import dataclass

from app.mailboxes.row import Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row before (None: there was none) and after, and the status of the answer.

    `is_reborn`: the address was withdrawn and is given out again, with the holder of `after` alone.
    """

    status: int
    before: Row | None
    after: Row
    is_reborn: bool = False

    @property
    def is_changed(self) -> bool:
        return self.before != self.after

    @property
    def action(self) -> str:
        """The verb of the audit trail."""
        if self.before is None or self.is_reborn:
            return "mailbox.created"
        return "mailbox.withdrawn" if self.after.state == "withdrawn" else "mailbox.changed"

    @property
    def detail(self) -> str:
        """Which fields were set, without their values."""
        if self.before is None:
            return f"type {self.after.type}"
        return ", ".join(self.before.differences(self.after))
