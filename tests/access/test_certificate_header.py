"""What a proxy writes is read to the byte, in both of its forms; anything else is refused."""

from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from app.access.certificate_header import LARGEST_HEADER, HeaderUnusable, Sent, is_sent, read
from tests.access.authority import byte_sequence

A, B = byte_sequence(b"a certificate"), byte_sequence(b"another")


def headers(*lines: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in lines])


def pem(der: bytes) -> str:
    lines = [b64encode(der).decode()[at : at + 64] for at in range(0, len(der) * 2, 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *filter(None, lines), "-----END CERTIFICATE-----", ""])


@given(st.binary(min_size=1, max_size=600), st.lists(st.binary(min_size=1, max_size=60), max_size=4))
def test_both_forms_give_the_bytes_back(der: bytes, chain: list[bytes]) -> None:
    above = [("Client-Cert-Chain", ", ".join(map(byte_sequence, chain)))] if chain else []
    wanted = Sent(der, tuple(chain))
    assert read(headers(("Client-Cert", byte_sequence(der)), *above)) == wanted
    assert read(headers(("Client-Cert", quote(pem(der), safe="")), *above)) == wanted


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([("Client-Cert", A), ("Client-Cert", A)], "duplicated"),
        ([("Client-Cert", A), ("CLIENT-CERT", B)], "duplicated"),
        ([("Client-Cert", A), ("Client-Cert-Chain", B), ("Client-Cert-Chain", B)], "duplicated"),
        ([("Client-Cert-Chain", B)], "malformed"),
        ([("Client-Cert", f"{A}, {B}")], "malformed"),
        ([("Client-Cert", A.strip(":"))], "malformed"),
        ([("Client-Cert", ":a b:")], "malformed"),
        ([("Client-Cert", ":abcde:")], "malformed"),
        ([("Client-Cert", f"{A};x=1")], "malformed"),
        ([("Client-Cert", "")], "malformed"),
        ([("Client-Cert", "(null)")], "malformed"),
        ([("Client-Cert", quote(pem(b"one") + pem(b"two"), safe=""))], "malformed"),
        ([("Client-Cert", ":" + "A" * LARGEST_HEADER + ":")], "malformed"),
        ([("Client-Cert", A), ("Client-Cert-Chain", ", ".join([B] * 5))], "malformed"),
        ([("Client-Cert", A), ("Client-Cert-Chain", "")], "malformed"),
        ([("Client-Cert", "é")], "malformed"),
    ],
)
def test_what_is_not_one_certificate_is_refused(lines: list[tuple[str, str]], reason: str) -> None:
    assert is_sent({"headers": headers(*lines).raw})
    with pytest.raises(HeaderUnusable) as refusal:
        read(headers(*lines))
    assert refusal.value.reason == reason


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_any_text_is_a_certificate_or_refused(text: str) -> None:
    sent = headers(("Client-Cert", text))
    try:
        found = read(sent)
    except HeaderUnusable:
        return
    assert byte_sequence(found.certificate) == text.strip()
