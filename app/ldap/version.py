"""What is known of versions of OpenLDAP that differ in what they do to us."""

import re

Version = tuple[int, int, int]
NUMBER = re.compile(r"slapd (\d+)\.(\d+)\.(\d+)")


def read(said: str) -> Version | None:
    """The version in what slapd says of itself, in cn=Monitor and to `-VV`; None where there is none."""
    found = NUMBER.search(said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def is_frugal(version: Version) -> bool:
    """Whether it gives back the memory of a transaction: an older one keeps 0.5 to 2.7 kB of each of its members.

    OpenLDAP ITS#9892, mended in 2.5.14 and 2.6.4.
    """
    return version >= (2, 6, 4) or (2, 5, 14) <= version < (2, 6, 0)


def text(version: Version) -> str:
    """As people write it: 2.6.10."""
    return ".".join(map(str, version))
