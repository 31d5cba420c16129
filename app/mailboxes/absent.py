"""What is said of an address without a mailbox: that there is none, or since when it is withdrawn."""

from datetime import UTC, datetime
from http import HTTPStatus

from app.problems import Problem


class MailboxUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "mailbox.unknown"
    title = "No such mailbox is published"


class MailboxWithdrawn(Problem):
    status = HTTPStatus.GONE
    code = "mailbox.withdrawn"
    title = "This mailbox was withdrawn"


def unknown(edition: int | None = None) -> MailboxUnknown:
    """For a hidden address in the same words as for one that never was."""
    return MailboxUnknown("Check the spelling. Mailboxes on the red list are not published either.", edition=edition)


def withdrawn(since: datetime, successor: str | None, reason: str, edition: int | None = None) -> MailboxWithdrawn:
    return MailboxWithdrawn(
        "Send to the successor, if one is named, or look the holder up again.",
        edition=edition,
        since=since.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        successor=successor,
        reason=reason,
    )
