"""A network proves itself by its private key: tokens, without any secret sent along."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.access.client_jwk import read
from app.access.clients import add
from app.console import Refused
from app.members import credentials
from app.members.credentials import client_of, key_in
from app.settings import Settings
from tests.harness.serving import serving
from tests.members.conftest import ANNE, DOMAIN, OPERATOR, Connection, Network

KINDS = ("P-256", "Ed25519", "RSA")


def a_key(kind: str) -> tuple[bytes, ECKey | OKPKey | RSAKey]:
    """A new private key as PEM, and as JWK."""
    if kind == "RSA":
        pem = in_pem(rsa.generate_private_key(65_537, 2_048))
        return pem, RSAKey.import_key(pem)
    if kind == "Ed25519":
        pem = in_pem(ed25519.Ed25519PrivateKey.generate())
        return pem, OKPKey.import_key(pem)
    pem = in_pem(ec.generate_private_key(ec.SECP256R1()))
    return pem, ECKey.import_key(pem)


def in_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_registered_client_publishes_where_no_key_may(
    network: Network,
    api_settings: Settings,
    command: Callable[..., tuple[int, Any]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    form: str,
) -> None:
    """Each request asks for a token of its own here, as after ten minutes: each with another assertion."""
    monkeypatch.setattr(credentials, "EARLY_SECONDS", 1e9)
    pem, key = a_key(kind)
    private = network.folder / "private"
    private.write_bytes(pem if form == "pem" else json.dumps(key.as_dict(private=True)).encode())
    client = add(network.registry, "network", OPERATOR, ["publish"], read(json.dumps(key.as_dict(private=False))))
    network.registry.commit()
    file = network.file([{"address": f"anne@{DOMAIN}", "rpps": ANNE}])
    with serving(api_settings.model_copy(update={"publish_with_key": False})) as url:
        given = ("mailbox", "publish", str(file), "--url", url, "--client", client.id, "--client-key", str(private))
        code, found = command(*given)
    assert (code, found.get("codes")) == (0, {"done.created": 1}), found
    assert tokens(network.registry) > 2


def tokens(registry: Connection) -> int:
    registry.rollback()
    row = registry.execute("SELECT count(*) FROM access_token").fetchone()
    assert row is not None
    return int(row[0])


def test_one_token_serves_a_whole_run(network: Network, served: str, command: Callable[..., tuple[int, Any]]) -> None:
    pem, key = a_key("P-256")
    private = network.folder / "private.pem"
    private.write_bytes(pem)
    client = add(network.registry, "network", OPERATOR, ["publish"], read(json.dumps(key.as_dict(private=False))))
    network.registry.commit()
    file = network.file([{"address": f"anne{number}@{DOMAIN}", "rpps": ANNE} for number in range(5)])
    given = ("--url", served, "--client", client.id, "--client-key", str(private), "--portion", "1")
    assert command("mailbox", "publish", str(file), *given)[0] == 0
    assert tokens(network.registry) == 1


def test_another_key_than_the_registered_one_is_refused(
    network: Network, served: str, command: Callable[..., tuple[int, Any]]
) -> None:
    registered, other = a_key("P-256")[1], a_key("P-256")[0]
    (network.folder / "other.pem").write_bytes(other)
    client = add(
        network.registry, "network", OPERATOR, ["publish"], read(json.dumps(registered.as_dict(private=False)))
    )
    network.registry.commit()
    file = network.file([{"address": f"anne@{DOMAIN}", "rpps": ANNE}])
    given = ("--url", served, "--client", client.id, "--client-key", str(network.folder / "other.pem"))
    code, refused = command("mailbox", "publish", str(file), *given)
    assert (code, refused["error"]["code"]) == (2, "oauth.invalid_client")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        b'{"kty": "oct", "k": "c2VjcmV0"}',
        b"{",
        b"\xff",
        json.dumps(ECKey.generate_key("P-256").as_dict(private=False)).encode(),
    ],
)
def test_what_is_no_private_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(Refused) as refusal:
        client_of("abc", tmp_path / "key", "https://annuaire.example")
    assert refusal.value.code == "members.credential"
    assert "c2VjcmV0" not in refusal.value.message


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff", b"annuaire_a\nannuaire_b"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(Refused) as refusal:
        key_in(tmp_path / "key")
    assert refusal.value.code == "members.credential"
    assert "annuaire_a" not in refusal.value.message
    assert stat.S_ISREG((tmp_path / "key").stat().st_mode)
