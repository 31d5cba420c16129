"""Parsers of texts: identifiers, names, cursors, credentials, URLs, LDAP."""

import json
from collections.abc import Callable

from joserfc.jwk import ECKey
from pydantic import SecretStr
from starlette.datastructures import Headers

from app.access import assertion, certificate_header, client_jwk, distinguished_name, key_form
from app.answers import matches
from app.identifiers import (
    Adeli,
    Finess,
    Identifier,
    InvalidIdentifier,
    MailboxAddress,
    NationalId,
    Rpps,
    Siret,
    organization_candidates,
    practitioner_keys,
)
from app.ldap import ber
from app.ldap.ldif import record
from app.ldap.tree import Tree, escape
from app.mail_domains import InvalidDomain, names_of
from app.mail_domains import parse as parse_domain
from app.paging import Cursors
from app.practitioners.patterns import compared
from app.practitioners.readings import readings
from app.problems import CursorInvalid, InvalidRequest
from app.publication.feed import FeedCursors
from app.push import target as push_target
from app.signing import SignatureInvalid, verify
from app.spelling import deletions
from tests.fuzz.target import DEPTH, Target, encoded, latin, text

CURSORS = Cursors(SecretStr("pepper"))
FEED = FeedCursors(CURSORS)
TREE = Tree("dc=mssante,dc=fr")
JWK = ECKey.generate_key("P-256").as_dict(private=False)
JWKS = {"keys": [{**JWK, "kid": "k"}]}
KEY = f"annuaire_{'a' * 10}_{'b' * 52}{key_form.checksum('a' * 10, 'b' * 52)}"
HEADER = encoded(b'{"alg":"ES256","kid":"k","typ":"JWT"}')


def _cursor(given: bytes) -> None:
    position = CURSORS.open("route", text(given))
    assert CURSORS.seal("route", position) == text(given)


def _feed_cursor(given: bytes) -> None:
    opened = FEED.open(text(given))
    assert not opened.is_ours or FEED.seal(opened.epoch, opened.sequence) == text(given)


def _distinguished_name(given: bytes) -> None:
    once = distinguished_name.canonical(text(given))
    assert distinguished_name.canonical(once) == once


def _identifier(kind: type[Identifier]) -> Callable[[bytes], None]:
    def parse(given: bytes) -> None:
        once = kind.parse(text(given))
        assert kind.parse(once) == once

    return parse


def _address(given: bytes) -> None:
    once = MailboxAddress.parse(text(given))
    assert MailboxAddress.parse(once) == once == once.lower()


def _domain(given: bytes) -> None:
    once = parse_domain(text(given))
    assert parse_domain(once) == once


def _any_id(given: bytes) -> None:
    practitioner_keys(text(given))
    organization_candidates(text(given))


def _certificate_header(given: bytes) -> None:
    certificate_header.read(Headers({"Client-Cert": latin(given), "Client-Cert-Chain": latin(given)}))


def _name(given: bytes) -> None:
    for reading in readings(text(given)[:200]):
        compared(reading)
        compared(reading, by_sound=True)
    deletions(text(given)[:40])


def _tree(given: bytes) -> None:
    address = text(given).replace("\0", "")
    assert TREE.address(TREE.dn(address)) == address
    TREE.address(address)
    assert not set(escape(text(given))) & set("()*\0")
    record(TREE.dn(address), {"cn": [text(given)]})


def _url(given: bytes) -> None:
    found = push_target.parse(text(given), insecure=False)
    assert found.host_header


ASSERTION = (HEADER + b".e30.c2ln", *(encoded(each) + b".e30.x" for each in (b"[" * DEPTH, b'{"kid":1}', b"null")))
TARGETS = (
    Target("cursor", _cursor, (CursorInvalid,), (CURSORS.seal("route", ["a", 1]).encode(),)),
    Target("feed cursor", _feed_cursor, (CursorInvalid,), (FEED.seal("epoch", 7).encode(),)),
    Target(
        "distinguished name",
        _distinguished_name,
        (distinguished_name.InvalidDistinguishedName,),
        (b"C=FR,O=GIP EXEMPLE,OU=1990000010,CN=bal\\,exemple", b"/C=FR/O=GIP/CN=a\\/b", b"CN=#0c0161+OU=\\c3\\a9"),
    ),
    Target("RPPS", _identifier(Rpps), (InvalidIdentifier,), (b"99900000060", b" 999 0000 0060 ")),
    Target("ADELI", _identifier(Adeli), (InvalidIdentifier,), (b"259900017",)),
    Target("FINESS", _identifier(Finess), (InvalidIdentifier,), (b"990000010", b"2A0000014")),
    Target("SIRET", _identifier(Siret), (InvalidIdentifier,), (b"12000101100010",)),
    Target("national id", _identifier(NationalId), (InvalidIdentifier,), (b"899900000060", b"5990000010/123")),
    Target("any id", _any_id, (InvalidIdentifier,), (b"899900000060", b"990000010", b"2A/1")),
    Target("mail address", _address, (InvalidIdentifier,), (b"Anne.Exemple@ch-exemple.mssante.fr", b"a@b.c")),
    Target("mail domain", _domain, (InvalidDomain,), (b"ch-exemple.mssante.fr", b"xn--exmple-cva.fr")),
    Target("mail domains", lambda given: names_of(text(given)), (InvalidDomain,), (b"*.mssante.fr a.fr",)),
    Target(
        "Client-Cert",
        _certificate_header,
        (certificate_header.HeaderUnusable,),
        (b":MAA=:", b"-----BEGIN%20CERT", b"::"),
    ),
    Target("API key", lambda given: key_form.parse(text(given)), (key_form.KeyInvalid,), (KEY.encode(),)),
    Target("assertion", lambda given: assertion.kid_of(text(given)), (assertion.AssertionRefused,), ASSERTION),
    Target(
        "client key", lambda given: client_jwk.read(text(given)), (client_jwk.JwkRefused,), (json.dumps(JWK).encode(),)
    ),
    Target("signature", lambda given: verify(text(given), JWKS, "JWT"), (SignatureInvalid,), ASSERTION),
    Target("If-None-Match", lambda given: matches(latin(given), '"1-0123"'), (), (b'W/"1-0123", "x"', b"*", b",,")),
    Target("search text", _name, (InvalidRequest,), (b"anne-elise exemple", b"Dr DE LA CANE", "Noël œuf ß ĳ".encode())),
    Target("LDAP names", _tree, (), (b"anne.exemple@a.fr", b"#a ", b"*)(uid=*", b"a,b+c\\2C")),
    Target("LDAP answer", ber.answer, (ber.Malformed,), (b"0\x0c\x02\x01\x01a\x07\n\x01\x00\x04\x00\x04\x00",)),
    Target("webhook URL", _url, (push_target.TargetInvalid,), (b"https://bal.exemple.fr/a?b", b"https://[::1]:443/")),
)
