"""Which slapd gives back the memory of a transaction (tests/ldap/test_memory.py measures two of them)."""

import pytest

from app.ldap.version import Version, is_frugal, read, text


@pytest.mark.parametrize(
    ("version", "frugal"),
    [
        ((2, 4, 57), False),
        ((2, 5, 13), False),
        ((2, 5, 14), True),
        ((2, 6, 3), False),
        ((2, 6, 4), True),
        ((2, 6, 10), True),
        ((2, 7, 0), True),
        ((3, 0, 0), True),
    ],
)
def test_a_mended_version_is_known(version: Version, *, frugal: bool) -> None:
    assert is_frugal(version) is frugal


def test_a_version_is_read_as_slapd_says_it() -> None:
    assert read("@(#) $OpenLDAP: slapd 2.6.10+dfsg-1 (May 29 2025 23:41:48) $") == (2, 6, 10)
    assert read("slapd of somebody's own") is None


def test_a_version_is_written_as_people_do() -> None:
    assert text((2, 6, 10)) == "2.6.10"
