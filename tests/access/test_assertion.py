"""The proof of a client: signed by its key, for us, now, in the one algorithm of that key."""

import hashlib
import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.access.assertion import AssertionRefused, kid_of, prove
from app.access.client_jwk import ClientKey, read

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ISSUER = "https://annuaire.example"
CLIENT = "abcdefghij"
KEYS: dict[str, Any] = {
    "ES256": ECKey.generate_key("P-256"),
    "PS256": RSAKey.generate_key(2_048),
    "EdDSA": OKPKey.generate_key("Ed25519"),
}
OTHER = ECKey.generate_key("P-256")


def registered(algorithm: str) -> ClientKey:
    return read(json.dumps(KEYS[algorithm].as_dict(private=False)))


def claims(**changed: Any) -> dict[str, Any]:
    made = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": ISSUER,
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "iat": int(NOW.timestamp()),
        "jti": "once",
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(algorithm: str = "ES256", key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode(
            {"alg": algorithm, "kid": "k", **(header or {})},
            claims(**changed),
            key or KEYS["EdDSA" if algorithm == "Ed25519" else algorithm],
            algorithms=[algorithm],
        )


def by_hand(header: Any, payload: Any, secret: bytes | None = None) -> str:
    """A token of any header, signed with a shared secret or not at all."""
    parts = [urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, payload)]
    mac = hmac.digest(secret, b".".join(parts), hashlib.sha256) if secret is not None else b""
    return b".".join([*parts, urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def proof(assertion: str, algorithm: str = "ES256", now: datetime = NOW) -> Any:
    kid_of(assertion)
    return prove(assertion, registered(algorithm).jwk, algorithm, CLIENT, ISSUER, now)


@pytest.mark.parametrize("algorithm", [*KEYS, "Ed25519"])
def test_a_good_proof_is_taken(algorithm: str) -> None:
    found = proof(signed(algorithm), "EdDSA" if algorithm == "Ed25519" else algorithm)
    assert found.jti == "once"
    assert found.until == NOW + timedelta(minutes=6)
    assert kid_of(signed(algorithm)) == "k"


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "client-authentication+jwt"}])
def test_the_types_of_an_assertion_are_taken(header: dict[str, str]) -> None:
    assert proof(signed(header=header)).jti == "once"


def seconds(ahead: int) -> int:
    return int(NOW.timestamp()) + ahead


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"sub": "another"},
        {"iss": None},
        {"sub": None},
        {"iss": [CLIENT], "sub": [CLIENT]},
        {"aud": "https://elsewhere.example"},
        {"aud": ISSUER + "/"},
        {"aud": ISSUER + "/oauth2/token"},
        {"aud": [ISSUER, "https://elsewhere.example"]},
        {"aud": []},
        {"aud": None},
        {"exp": None},
        {"exp": seconds(-60)},
        {"exp": seconds(361)},
        {"exp": str(seconds(60))},
        {"exp": True},
        {"exp": 1e400},
        {"exp": -1e20},
        {"iat": seconds(61)},
        {"nbf": seconds(61)},
        {"nbf": "soon"},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 129},
        {"jti": "a\0"},
        {"jti": 7},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused):
        proof(signed(**changed))


@pytest.mark.parametrize("payload", [b"[]", b"null", b"5", b"{", b"\xff", b'{"jti": NaN}'])
def test_a_signed_text_that_says_no_claims_is_refused(payload: bytes) -> None:
    with pytest.raises(AssertionRefused):
        proof(jws.serialize_compact({"alg": "ES256", "kid": "k"}, payload, KEYS["ES256"]))


@pytest.mark.parametrize(
    ("name", "text"), [("jti", '"\\ud800"'), ("exp", "NaN"), ("exp", "Infinity"), ("iat", "-1e999")]
)
def test_a_value_that_no_other_program_could_hold_is_refused(name: str, text: str) -> None:
    payload = json.dumps({**claims(), name: "HERE"}).replace('"HERE"', text)
    with pytest.raises(AssertionRefused):
        proof(jws.serialize_compact({"alg": "ES256", "kid": "k"}, payload, KEYS["ES256"]))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": seconds(-59)},
        {"exp": seconds(359)},
        {"iat": seconds(59)},
        {"nbf": seconds(59)},
        {"aud": [ISSUER]},
        {"iat": None},
    ],
    ids=str,
)
def test_clocks_may_differ_by_a_minute(changed: dict[str, Any]) -> None:
    assert proof(signed(**changed)).jti == "once"


def confused() -> list[str]:
    """Tokens whose algorithm is not that of the registered key."""
    wide = {"alg": "HS256", "kid": "k"}
    made = [by_hand({"alg": name, "kid": "k"}, claims()) for name in ("none", "None", "NONE", "", "ES256", "HS256")]
    for algorithm, key in KEYS.items():
        for secret in (key.as_pem(private=False), registered(algorithm).jwk.encode(), key.thumbprint().encode()):
            made += [by_hand({**wide, "alg": name}, claims(), secret) for name in ("HS256", "HS384", algorithm)]
    no_names: list[Any] = [None, 5, ["ES256"], {}]
    made += [by_hand({**wide, "alg": value}, claims(), b"") for value in no_names]
    return made


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_public_key_is_nobodys_shared_secret(algorithm: str) -> None:
    for assertion in confused():
        with pytest.raises(AssertionRefused):
            proof(assertion, algorithm)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", OTHER),
        ("PS256", KEYS["PS256"]),
        ("EdDSA", KEYS["EdDSA"]),
        ("RS256", KEYS["PS256"]),
        ("PS512", KEYS["PS256"]),
    ],
)
def test_another_key_or_algorithm_is_refused(algorithm: str, key: Any) -> None:
    assertion = signed(algorithm, key)
    with pytest.raises(AssertionRefused):
        proof(assertion, "ES256")
    if algorithm not in KEYS:
        with pytest.raises(AssertionRefused):
            proof(assertion, "PS256")


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://elsewhere.example/keys"},
        {"x5u": "https://elsewhere.example/chain"},
        {"jwk": OTHER.as_dict(private=False)},
        {"x5c": []},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"cty": "JWT"},
        {"typ": "at+jwt"},
        {"kid": 5},
        {"kid": None},
        {"kid": ["k"]},
        {"kid": "a\nb"},
        {"kid": "\0"},
    ],
    # A key is made anew in each process, whose tests must have the same names.
    ids=lambda header: next(iter(header)) if "jwk" in header else str(header),
)
def test_a_header_leads_nowhere(header: dict[str, Any]) -> None:
    made = by_hand({"alg": "ES256", "kid": "k", **header}, claims(), b"x")
    with pytest.raises(AssertionRefused):
        kid_of(made)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "..", "é.é.é", "e30.e30.e30", "W10.e30.", "A" * 8_193])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(AssertionRefused):
        kid_of(text)


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(AssertionRefused):
        proof(text)


@given(st.integers(0, 10_000), st.sampled_from("ABCxyz012-_."))
def test_one_altered_letter_is_refused(place: int, letter: str) -> None:
    assertion = GOOD
    at = place % len(assertion)
    altered = assertion[:at] + letter + assertion[at + 1 :]
    # The last letter of each part holds bits that nobody reads.
    if altered != assertion and assertion[at + 1 : at + 2] not in {".", ""}:
        with pytest.raises(AssertionRefused):
            proof(altered)


GOOD = signed()
