"""Our white list: read by our own importer without a difference, and signed so that every change of it is found."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from lxml import etree
from signxml.exceptions import InvalidInput, InvalidSignature
from signxml.verifier import XMLVerifier

from app.console import Refused
from app.imports.sources.white_list import NAMESPACE as IMPORTED
from app.settings import Settings
from app.trust.signing import Signer, signer_of
from app.trust.white_list import NAMESPACE, Pair, State, WhiteList, rendered
from tests.trust.keys import certificate, written

NOW = datetime(2026, 11, 28, 21, 4, 5, 678, tzinfo=UTC)
PAIRS = [
    Pair(
        "ch-exemple.mssante.fr", "Hôpital <Exemple> & Cie", 'CN=bal,OU=1990000010,O="GIP, EXEMPLE"', "1990000010", NOW
    ),
    Pair("reseau.mssante.fr", None, "CN=réseau,OU=300000001800028", "300000001800028", None),
]
DS = "{http://www.w3.org/2000/09/xmldsig#}"


def signer(folder: Path, kind: str) -> Signer:
    key, pem = written(folder, kind)
    found = signer_of(Settings(_env_file=None, white_list_key=key, white_list_certificate=pem))
    assert found is not None
    return found


def made(signer: Signer | None = None, contact: str | None = None, pairs: list[Pair] | None = None) -> WhiteList:
    return rendered(State(7, NOW), PAIRS if pairs is None else pairs, signer, contact)


def entries(xml: bytes) -> list[dict[str, str | None]]:
    found = etree.fromstring(xml).iterfind(f"{{{NAMESPACE}}}ListeDomaines/{{{NAMESPACE}}}Domaine")
    return [{etree.QName(child).localname: child.text for child in entry} for entry in found]


def verified(xml: bytes, kind: str) -> Any:
    """The document that the signature covers, by the certificate that we know and not the one inside."""
    found = XMLVerifier().verify(xml, x509_cert=certificate(kind))
    assert not isinstance(found, list)
    return found.signed_xml


def test_the_schema_is_that_of_the_national_list(tmp_path: Path) -> None:
    assert NAMESPACE == IMPORTED
    for list_ in (made(), made(signer(tmp_path, "rsa"))):
        root = etree.fromstring(list_.xml)
        assert root.tag == f"{{{NAMESPACE}}}ListeBlancheMSSante"
        assert root.findtext(f"{{{NAMESPACE}}}DateDeGeneration") == "2026-11-28T21:04:05Z"
        assert entries(list_.xml) == [
            {
                "Nom": "ch-exemple.mssante.fr",
                "Description": "Hôpital <Exemple> & Cie",
                "DNCertificatOperateur": 'CN=bal,OU=1990000010,O="GIP, EXEMPLE"',
                "ResponsableContact": None,
                "SupportContact": None,
                "DateMAJ": "2026-11-28T21:04:05Z",
            },
            {
                "Nom": "reseau.mssante.fr",
                "Description": None,
                "DNCertificatOperateur": "CN=réseau,OU=300000001800028",
                "ResponsableContact": None,
                "SupportContact": None,
                "DateMAJ": None,
            },
        ]


def test_the_places_of_contacts_hold_that_of_the_trust_space() -> None:
    found = entries(made(contact="espace-de-confiance@exemple.fr").xml)
    assert {entry["ResponsableContact"] for entry in found} == {"espace-de-confiance@exemple.fr"}
    assert {entry["SupportContact"] for entry in found} == {"espace-de-confiance@exemple.fr"}


def test_one_state_gives_the_same_bytes_on_every_node(tmp_path: Path) -> None:
    assert made() == made()
    rsa = signer(tmp_path, "rsa")
    assert made(rsa) == made(rsa)
    assert made().jws is None


def test_an_empty_trust_space_is_an_empty_list() -> None:
    assert entries(made(pairs=[]).xml) == []


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_the_signature_holds_for_the_whole_document(tmp_path: Path, kind: str) -> None:
    list_ = made(signer(tmp_path, kind))
    covered = verified(list_.xml, kind)
    assert covered.tag == f"{{{NAMESPACE}}}ListeBlancheMSSante"
    assert len(covered.findall(f".//{{{NAMESPACE}}}Domaine")) == 2


def test_the_signature_holds_without_the_library_that_made_it(tmp_path: Path) -> None:
    """By the letter of XMLDSig: digest of the document without its signature, signature of SignedInfo."""
    root = etree.fromstring(made(signer(tmp_path, "rsa")).xml)
    signature = root.find(f"{DS}Signature")
    signed_info = etree.tostring(signature.find(f"{DS}SignedInfo"), method="c14n", exclusive=True)
    value = base64.b64decode(signature.findtext(f"{DS}SignatureValue"))
    digest = base64.b64decode(signature.findtext(f".//{DS}DigestValue"))
    before = signature.getprevious()
    before.tail = (before.tail or "") + (signature.tail or "")
    root.remove(signature)
    assert hashlib.sha256(etree.tostring(root, method="c14n", exclusive=True)).digest() == digest
    public = certificate("rsa").public_key()
    assert isinstance(public, RSAPublicKey)
    public.verify(value, signed_info, PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"reseau.mssante.fr", b"resean.mssante.fr"),
        (b"OU=1990000010", b"OU=1990000011"),
        (b"2026-11-28T21:04:05Z</DateDeGeneration>", b"2027-11-28T21:04:05Z</DateDeGeneration>"),
        (b"<Description>H", b"<Description>X"),
        (b"</ListeDomaines>", b"<Domaine><Nom>evil.mssante.fr</Nom></Domaine></ListeDomaines>"),
    ],
)
def test_a_tampered_copy_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    xml = made(signer(tmp_path, "rsa")).xml
    assert xml.count(old) >= 1
    with pytest.raises(InvalidSignature):
        verified(xml.replace(old, new, 1), "rsa")


def test_a_copy_without_signature_or_by_another_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        verified(made().xml, "rsa")
    with pytest.raises(InvalidSignature):
        verified(made(signer(tmp_path, "p384")).xml, "p256")


@pytest.mark.parametrize(("kind", "algorithm"), [("rsa", "RS256"), ("p256", "ES256"), ("p384", "ES384")])
def test_the_jws_says_the_same_and_names_its_certificate(tmp_path: Path, kind: str, algorithm: str) -> None:
    token = made(signer(tmp_path, kind)).jws
    assert token is not None
    public = certificate(kind).public_key()
    key = RSAKey.import_key(public) if isinstance(public, RSAPublicKey) else ECKey.import_key(public)  # type: ignore[arg-type]
    found = jws.deserialize_compact(token, key, algorithms=[algorithm])
    header = found.headers()
    assert header["x5t#S256"].rstrip("=") == base64.urlsafe_b64encode(
        certificate(kind).fingerprint(SHA256())
    ).decode().rstrip("=")
    payload = json.loads(found.payload)
    assert (payload["generated_at"], payload["number"]) == ("2026-11-28T21:04:05Z", 7)
    assert [(each["name"], each["certificate"], each["operator"]) for each in payload["domains"]] == [
        (pair.name, pair.certificate, pair.operator) for pair in PAIRS
    ]
    head, body, signature = token.split(b".")
    evil = base64.urlsafe_b64encode(found.payload.replace(b"reseau", b"resean")).rstrip(b"=")
    for forged in (b".".join((head, evil, signature)), b".".join((head, body, signature[:-8] + b"AAAAAAAA"))):
        with pytest.raises(JoseError):
            jws.deserialize_compact(forged, key, algorithms=[algorithm])


def test_files_that_cannot_sign_are_refused_when_the_api_starts(tmp_path: Path) -> None:
    rsa_key, rsa_pem = written(tmp_path, "rsa")
    _, other_pem = written(tmp_path, "p256")
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    cases = [
        (rsa_key, None),
        (None, rsa_pem),
        (rsa_key, other_pem),
        (rsa_key, broken),
        (broken, rsa_pem),
        (tmp_path / "away", rsa_pem),
        *(written(tmp_path, kind) for kind in ("small", "k1", "ed25519")),
    ]
    for key, pem in cases:
        with pytest.raises(Refused) as refused:
            signer_of(Settings(_env_file=None, white_list_key=key, white_list_certificate=pem))
        assert refused.value.code == "setting.invalid"
    assert signer_of(Settings(_env_file=None)) is None


# What XML takes: no surrogates, no control characters.
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFFFD, exclude_categories=("Cs", "Cc")), max_size=60)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_any_text_stands_in_the_list_as_it_was_given(texts: list[tuple[str, str]]) -> None:
    pairs = [Pair("x.mssante.fr", description, certificate_, "x", NOW) for description, certificate_ in texts]
    found = entries(made(pairs=pairs).xml)
    assert [(entry["Description"] or "", entry["DNCertificatOperateur"] or "") for entry in found] == texts
