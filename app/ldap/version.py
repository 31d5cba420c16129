"""What is known of versions of OpenLDAP that differ in what they do to us."""

Version = tuple[int, int, int]

# The first of each series that gives back what the members of a transaction took (OpenLDAP ITS#9892).
FIRST_FRUGAL = {(2, 5): 14, (2, 6): 4}


def is_frugal(version: Version) -> bool:
    """Whether it gives back the memory of a transaction: an older one keeps 0.5 to 2.7 kB of each of its members."""
    major, minor, patch = version
    return patch >= FIRST_FRUGAL.get((major, minor), 0)


def text(version: Version) -> str:
    """As people write it: 2.6.10."""
    return ".".join(map(str, version))
