"""Which keys a client may have."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.access.client_jwk import JwkRefused, load, read

KEYS: list[tuple[str, Any]] = [
    ("ES256", ECKey.generate_key("P-256")),
    ("PS256", RSAKey.generate_key(2_048)),
    ("EdDSA", OKPKey.generate_key("Ed25519")),
]
# The modulus of a key of 1 024 bits: any odd number will do.
SHORT = {"kty": "RSA", "e": "AQAB", "n": urlsafe_b64encode(b"\xff" * 128).rstrip(b"=").decode()}
ES256 = KEYS[0][1].as_dict(private=False)


@pytest.mark.parametrize(("algorithm", "key"), KEYS, ids=[name for name, _ in KEYS])
def test_each_kind_of_key_has_one_algorithm(algorithm: str, key: Any) -> None:
    public = key.as_dict(private=False)
    found = read(json.dumps(public))
    assert (found.algorithm, found.kid) == (algorithm, key.thumbprint())
    assert load(found.jwk).as_dict(private=False) == public
    given = {**public, "alg": algorithm, "use": "sig", "kid": "mine"}
    assert read(json.dumps({"keys": [given]})).kid == "mine"
    with pytest.raises(JwkRefused, match="secret"):
        read(json.dumps(key.as_dict(private=True)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (SHORT, "2048 bits"),
        (ECKey.generate_key("P-384").as_dict(private=False), "P-384"),
        (OKPKey.generate_key("X25519").as_dict(private=False), "X25519"),
        (OctKey.generate_key(256).as_dict(private=True), "secret"),
        ({**ES256, "alg": "HS256"}, "HS256"),
        ({**ES256, "alg": "PS256"}, "ES256"),
        ({**ES256, "use": "enc"}, "use"),
        ({**ES256, "kid": ""}, "kid"),
        ({**ES256, "kid": "a\n"}, "kid"),
        ({**ES256, "kid": "k" * 129}, "kid"),
        ({**ES256, "kid": 5}, "no key"),
        ({**ES256, "x": "AAAA"}, "no key"),
        ({"kty": "EC"}, "no key"),
        ({"keys": []}, "0 keys"),
        ({"keys": [ES256, ES256]}, "2 keys"),
        ([], "no JWK"),
    ],
)
def test_any_other_key_is_refused(given: Any, said: str) -> None:
    with pytest.raises(JwkRefused, match=said):
        read(json.dumps(given))


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(JwkRefused):
        read(text)


MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"]),
    st.sampled_from(["EC", "OKP", "RSA", "oct", "P-256", "Ed25519", "AQAB", "AAAA", ""]) | st.integers() | st.none(),
)


@given(MEMBERS)
def test_any_object_is_a_key_or_refused(given: dict[str, Any]) -> None:
    try:
        found = read(json.dumps(given))
    except JwkRefused:
        return
    assert load(found.jwk)
