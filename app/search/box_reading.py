"""What a text in the one box is: an address, a number, or words of a name."""

import re
from enum import Enum

from app.identifiers import InvalidIdentifier, MailboxAddress, organization_candidates, practitioner_keys

# A number of the registers, as people paste it: digits, with a letter or two before or among them, and perhaps the
# number in an employer's register. Shorter ones are years, postal codes and numbers of streets.
NUMBER = re.compile(r"[A-Za-z]{0,3}[0-9][0-9ABab]?[0-9]{7,}(?:/[^\s/]+)?")
SPACES = re.compile(r"[\s\u00a0\u202f\u2009.-]+")


class Means(Enum):
    """What a text is taken for."""

    ADDRESS = "address"
    ID = "id"
    NAME = "name"


def meant(text: str) -> Means:
    """What a text is taken for; anything that is neither an address nor a number may be a name."""
    if "@" in text:
        return Means.ADDRESS
    return Means.ID if NUMBER.fullmatch(number_of(text)) else Means.NAME


def number_of(text: str) -> str:
    """A number without the spaces, dots and hyphens that people put into it."""
    head, slash, tail = text.strip().partition("/")
    return SPACES.sub("", head) + slash + tail


def address_of(text: str) -> MailboxAddress | None:
    """The address that the text is, if it is one."""
    try:
        return MailboxAddress.parse(text)
    except InvalidIdentifier:
        return None


def practitioner_ids(text: str) -> tuple[str, ...]:
    number = number_of(text)
    return tuple(dict.fromkeys((number, *practitioner_keys(number))))


def organization_ids(text: str) -> tuple[str, ...]:
    return organization_candidates(number_of(text))
