"""What is known of versions of OpenLDAP that differ in what they do to us."""

Version = tuple[int, int, int]


def is_frugal(version: Version) -> bool:
    """Whether it gives back the memory of a transaction: an older one keeps 0.5 to 2.7 kB of each of its members.

    OpenLDAP ITS#9892, mended in 2.5.14 and 2.6.4.
    """
    return version >= (2, 6, 4) or (2, 5, 14) <= version < (2, 6, 0)


def text(version: Version) -> str:
    """As people write it: 2.6.10."""
    return ".".join(map(str, version))
