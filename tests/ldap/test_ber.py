"""Our bytes of members and answers, beside those of ldap3's own protocol description."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    AddResponse,
    DelResponse,
    LDAPMessage,
    LDAPString,
    MessageID,
    ModifyResponse,
    ProtocolOp,
    ResultCode,
)
from pyasn1.codec.ber import decoder, encoder

from app.ldap import ber
from app.ldap.members import IN_TRANSACTION
from app.ldap.operations import Add, Delete, Modify, MoveEdition, Operation

NUMBERS = st.integers(1, 2**31 - 1)
# Long ones too: a length then takes more than one byte.
TEXTS = st.one_of(
    st.text(max_size=300), st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.integers(0, 30_000))
)
ENTRIES = st.dictionaries(st.text(min_size=1, max_size=20), st.lists(TEXTS, max_size=3), max_size=4)
OPERATIONS = st.one_of(
    st.builds(Add, TEXTS, ENTRIES),
    st.builds(Modify, TEXTS, ENTRIES),
    st.builds(Delete, TEXTS),
    st.builds(MoveEdition, TEXTS, st.integers(0, 2**40), st.integers(0, 2**40)),
)
RESPONSES = {"addResponse": AddResponse, "delResponse": DelResponse, "modifyResponse": ModifyResponse}


def text(value: Any) -> str:
    return bytes(value).decode()


def attribute(found: Any) -> tuple[str, list[str]]:
    return text(found["type"]), sorted(map(text, found["vals"]))


def read(message: bytes) -> tuple[int, Any, Any]:
    """(number, what is asked as plain values, controls), as ldap3's description of the protocol reads it."""
    found, rest = decoder.decode(message, asn1Spec=LDAPMessage())
    assert rest == b""
    request = found["protocolOp"].getComponent()
    match found["protocolOp"].getName():
        case "delRequest":
            asked: Any = text(request)
        case "addRequest":
            asked = text(request["entry"]), [attribute(each) for each in request["attributes"]]
        case _:
            changes = [(int(each["operation"]), attribute(each["modification"])) for each in request["changes"]]
            asked = text(request["object"]), changes
    controls = [
        (text(each["controlType"]), bool(each["criticality"]), text(each["controlValue"])) for each in found["controls"]
    ]
    return int(found["messageID"]), asked, controls


def plain(operation: Operation) -> Any:
    """The same values, from the operation."""
    match operation:
        case Delete(dn):
            return dn
        case Add(dn, attributes):
            return dn, [(name, sorted(values)) for name, values in attributes.items()]
        case Modify(dn, replaced):
            return dn, [(ber.REPLACING, (name, sorted(values))) for name, values in replaced.items()]
        case MoveEdition(dn, before, after):
            gone, come = ("annuaireEdition", [str(before)]), ("annuaireEdition", [str(after)])
            return dn, [(ber.DELETING, gone), (ber.ADDING, come)]


def response(number: int, kind: str, code: int, words: str) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    result = RESPONSES[kind]()
    result["resultCode"] = ResultCode(code)
    result["matchedDN"] = LDAPDN("dc=fr")
    result["diagnosticMessage"] = LDAPString(words)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, result)
    return bytes(encoder.encode(message))


@given(NUMBERS, OPERATIONS)
def test_a_request_says_what_was_meant_and_that_it_belongs_to_the_transaction(
    number: int, operation: Operation
) -> None:
    controls = [("1.3.6.1.1.21.2", True, "")]
    assert read(ber.request(number, operation, IN_TRANSACTION)) == (number, plain(operation), controls)


@given(NUMBERS, st.sampled_from(sorted(RESPONSES)), st.sampled_from([0, 16, 32, 68, 80]), TEXTS)
def test_an_answer_is_read_once_it_is_whole(number: int, kind: str, code: int, words: str) -> None:
    received = response(number, kind, code, words)
    assert ber.answer(received) == ber.Answer(number, code, words)
    assert [ber.answer(received[:size]) for size in range(min(len(received), 40))] == [None] * min(len(received), 40)
    with pytest.raises(ber.Malformed, match="1 bytes after an answer"):
        ber.answer(received + b"0")


@given(st.binary(max_size=60))
def test_other_bytes_are_malformed_or_not_yet_whole(received: bytes) -> None:
    for told in (received, b"0" + bytes((len(received),)) + received):
        try:
            found = ber.answer(told)
        except ber.Malformed:
            continue
        assert found is None or isinstance(found.code, int)


@pytest.mark.parametrize(
    "received",
    [
        # A notice of disconnection, which answers no request (RFC 4511 §4.4.1).
        bytes.fromhex("301c02010078170a01340400040e") + b"shutting down!" + bytes.fromhex("8a00"),
        bytes.fromhex("300c02010265070a010004000400"),  # the end of a search
        bytes.fromhex("300c02010269070a010004000500"),  # words of another type
        bytes.fromhex("300c0201026907ff010004000400"),
        bytes.fromhex("300c02010269070a020004000400"),  # parts longer than the whole
        bytes.fromhex("3085000000000c02010269070a010004000400"),
    ],
)
def test_what_answers_no_member_is_refused(received: bytes) -> None:
    with pytest.raises(ber.Malformed):
        ber.answer(received)
