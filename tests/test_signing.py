"""What is signed here, and what does not pass for it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc import jws
from joserfc.jwk import OctKey
from starlette.testclient import TestClient

from app.console import Refused
from app.embedded.secret import signing_key
from app.main import create_app
from app.settings import Settings
from app.signing import LONGEST_TOKEN, SignatureInvalid, Signing, signing_of, verify
from tests.http.fixtures import api_settings, client
from tests.trust.keys import written

__all__ = ["api_settings", "client"]
TYP = "annuaire-checkpoint+jwt"
PAYLOAD = {"edition": 7, "root": "é"}
Holder = Callable[..., Settings]


@pytest.fixture
def holding(settings: Settings) -> Holder:
    """Settings of an installation with these keys."""

    def make(key: Path | None, *others: Path) -> Settings:
        return settings.model_copy(update={"signing_key": key, "former_signing_keys": others or None})

    return make


def public_half(folder: Path, private: Path) -> Path:
    path = folder / f"{private.parent.parent.name}.pub"
    key = load_pem_private_key(private.read_bytes(), None)
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return signing_key(folder / name)


def jwks_of(signing: Signing) -> dict[str, Any]:
    """As a reader has them: from their JSON."""
    found: dict[str, Any] = json.loads(json.dumps(signing.public_keys()))
    return found


def test_what_is_signed_is_proved_by_the_keys_that_are_shown(tmp_path: Path, holding: Holder) -> None:
    signing = signing_of(holding(made(tmp_path, "a")))
    token = signing.required().sign(PAYLOAD, TYP)
    assert verify(token, jwks_of(signing), TYP) == PAYLOAD
    header = json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "ES256", "kid": signing.required().kid, "typ": TYP}
    assert [key.keys() for key in jwks_of(signing)["keys"]] == [{"crv", "x", "y", "kty", "kid", "alg", "use"}]


def test_a_former_key_proves_what_it_signed_as_long_as_it_is_shown(tmp_path: Path, holding: Holder) -> None:
    old, new = made(tmp_path, "old"), made(tmp_path, "new")
    token = signing_of(holding(old)).required().sign(PAYLOAD, TYP)
    rotated = signing_of(holding(new, public_half(tmp_path, old), public_half(tmp_path, new)))
    keys = jwks_of(rotated)
    assert len(keys["keys"]) == 2
    assert keys["keys"][0]["kid"] == rotated.required().kid
    assert verify(token, keys, TYP) == PAYLOAD
    with pytest.raises(SignatureInvalid, match="not among the keys"):
        verify(token, jwks_of(signing_of(holding(new))), TYP)


def altered(token: str, part: int, change: Callable[[bytes], bytes]) -> str:
    parts = token.split(".")
    parts[part] = urlsafe_b64encode(change(urlsafe_b64decode(parts[part] + "=="))).rstrip(b"=").decode()
    return ".".join(parts)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: altered(token, 1, lambda body: body.replace(b"7", b"8")),
        lambda token: altered(token, 2, lambda seal: bytes([seal[0] ^ 1]) + seal[1:]),
        lambda token: altered(token, 0, lambda head: head.replace(b"ES256", b"none")),
        lambda token: altered(token, 0, lambda head: head.replace(b'"kid"', b'"key"')),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", ""),
        lambda _: "é.é.é",
        lambda _: "",
        lambda token: token + "A" * LONGEST_TOKEN,
    ],
)
def test_whatever_was_altered_proves_nothing(tmp_path: Path, holding: Holder, spoil: Callable[[str], str]) -> None:
    signing = signing_of(holding(made(tmp_path, "a")))
    with pytest.raises(SignatureInvalid):
        verify(spoil(signing.required().sign(PAYLOAD, TYP)), jwks_of(signing), TYP)


def test_one_thing_signed_does_not_pass_for_another(tmp_path: Path, holding: Holder) -> None:
    signing = signing_of(holding(made(tmp_path, "a")))
    with pytest.raises(SignatureInvalid, match="annuaire-snapshot"):
        verify(signing.required().sign(PAYLOAD, "annuaire-snapshot+jwt"), jwks_of(signing), TYP)


def test_a_public_key_does_not_pass_for_a_shared_secret(tmp_path: Path, holding: Holder) -> None:
    signing = signing_of(holding(made(tmp_path, "a")))
    signer = signing.required()
    header = {"alg": "HS256", "kid": signer.kid, "typ": TYP}
    token = jws.serialize_compact(header, "{}", OctKey.import_key(signer.key.as_pem(private=False).hex()), ["HS256"])
    with pytest.raises(SignatureInvalid, match="HS256"):
        verify(token, jwks_of(signing), TYP)


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": 1}, {"keys": [1]}, {"keys": [{"kty": "EC", "kid": "a"}]}])
def test_keys_that_are_none_prove_nothing(tmp_path: Path, holding: Holder, keys: dict[str, Any]) -> None:
    token = signing_of(holding(made(tmp_path, "a"))).required().sign(PAYLOAD, TYP)
    with pytest.raises(SignatureInvalid):
        verify(token, keys, TYP)


@pytest.mark.parametrize("kind", ["rsa", "p384"])
def test_another_kind_of_key_is_refused_and_so_is_a_secret_among_the_public_ones(
    tmp_path: Path, holding: Holder, kind: str
) -> None:
    other, _ = written(tmp_path, kind)
    own = made(tmp_path, "a")
    with pytest.raises(Refused, match="no private key on P-256"):
        signing_of(holding(other))
    with pytest.raises(Refused, match="no public key on P-256"):
        signing_of(holding(own, public_half(tmp_path, other)))
    for keys in ((own, own), (own, tmp_path / "nowhere"), (tmp_path / "nowhere",), (public_half(tmp_path, own),)):
        with pytest.raises(Refused, match="SIGNING_KEY"):
            signing_of(holding(*keys))


def test_the_keys_are_served_to_anybody(tmp_path: Path, holding: Holder) -> None:
    settings = holding(made(tmp_path, "a"))
    with TestClient(create_app(settings)) as signed:
        answer = signed.get("/.well-known/annuaire-keys.json")
    assert answer.json() == signing_of(settings).public_keys()
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "d" not in answer.json()["keys"][0]


def test_an_installation_that_signs_nothing_says_so(client: TestClient) -> None:
    answer = client.get("/.well-known/annuaire-keys.json")
    assert (answer.status_code, answer.json()["code"]) == (404, "signing.key_missing")


def test_files_of_keys_are_separated_by_spaces() -> None:
    given = Settings(_env_file=None, former_signing_keys="a.pem  b.pem")
    assert given.former_signing_keys == (Path("a.pem"), Path("b.pem"))
    assert Settings(_env_file=None, former_signing_keys="").former_signing_keys is None
