"""If-Match and If-None-Match of a write (RFC 9110 §13.1): nobody changes a state that they have not seen."""

from app.mailboxes.row import Current
from app.mailboxes.write_problems import MailboxExists, PreconditionFailed, PreconditionMissing


def require_known_state(current: Current, if_match: str | None, if_none_match: str | None) -> None:
    """That the caller knows the state of a mailbox that is there.

    Raises MailboxExists, PreconditionMissing or PreconditionFailed.
    """
    if if_none_match is not None and _names(if_none_match, current.etag, is_weak=True):
        raise MailboxExists("Read it, and change it with If-Match.")
    if if_match is None:
        raise PreconditionMissing("Send the ETag of the state that you want to change in If-Match.")
    if not _names(if_match, current.etag):
        raise PreconditionFailed("It was changed since. Read it again.")


def require_free(if_match: str | None) -> None:
    """That the caller expects no mailbox where there is none. Raises PreconditionFailed."""
    if if_match is not None:
        raise PreconditionFailed("There is no mailbox at this address: leave If-Match out to publish it.")


def _names(header: str, etag: str | None, *, is_weak: bool = False) -> bool:
    """Whether `*` or one of the tags is this one. A weak tag never matches in If-Match."""
    if header.strip() == "*":
        return etag is not None
    tags = [each.strip() for each in header.split(",")]
    return etag in ([tag.removeprefix("W/") for tag in tags] if is_weak else tags)
