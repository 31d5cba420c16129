"""LDIF that is written reads back as the same entry, whatever the values hold."""

from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from app.ldap.ldif import record

VALUES = st.lists(st.text(min_size=1), min_size=1, max_size=3)


def read_back(text: bytes) -> list[tuple[str, str]]:
    """A reader of RFC 2849 for records without folding: every line is one attribute."""
    assert text.endswith(b"\n\n")
    lines = text.decode("ascii").removesuffix("\n\n").split("\n")
    read = []
    for line in lines:
        name, _, rest = line.partition(":")
        if rest.startswith(": "):
            read.append((name, b64decode(rest[2:]).decode()))
        else:
            assert rest.startswith(" ")
            assert not rest[1:].startswith((" ", ":", "<"))
            read.append((name, rest[1:]))
    return read


@given(st.text(min_size=1), VALUES, VALUES)
def test_what_is_written_reads_back(dn: str, names: list[str], towns: list[str]) -> None:
    expected = [("dn", dn), *(("cn", name) for name in names), *(("l", town) for town in towns)]
    assert read_back(record(dn, {"cn": names, "l": towns})) == expected


def test_plain_text_stays_readable() -> None:
    assert record("dc=fr", {"o": ["a: b", "é"]}) == b"dn: dc=fr\no: a: b\no:: w6k=\n\n"
