"""Rotation under load (F24): pepper, signing key and API keys change, and nobody who keeps to the overlap is refused.

As behind a proxy that takes one node after the other: the next one starts beside the first, callers go over, the first
one ends.
"""

import signal
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from app.access.keys import issue, renew
from app.signing import verify
from tests.builders import DOMAIN, a_practitioner, an_operator, publish
from tests.faults.api import PEPPER, api
from tests.faults.callers import Callers
from tests.faults.report import Tell, Tried
from tests.harness.database import Database

NEXT = "the pepper that comes next"


def signing_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Files of a private key and of its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.mark.fault
def test_nobody_is_refused_while_secrets_change(database: Database, tmp_path: Path, tell: Tell) -> None:
    with database.connect() as registry:
        publish(registry, ("practitioner", a_practitioner(registry)))
        operator = an_operator(registry, domains=(DOMAIN,))
        identifier, key = issue(registry, SecretStr(PEPPER), "a caller", ["publish"], operator)
        registry.commit()
    old, old_public = signing_key(tmp_path, "old")
    new, new_public = signing_key(tmp_path, "new")
    before = {"signing_key": str(old), "former_signing_keys": str(new_public), "former_key_peppers": NEXT}
    after = {"signing_key": str(new), "former_signing_keys": str(old_public), "former_key_peppers": PEPPER}
    with ExitStack() as nodes:
        first, port = nodes.enter_context(api(database, tmp_path, None, **before))
        callers = Callers(port, bearer(key))
        with callers.at_work():
            callers.settled("before anything changes")
            digest, keys = _signed(port, key)
            with database.connect() as registry:
                _, renewed = renew(registry, SecretStr(PEPPER), identifier, overlap=timedelta(hours=1))
                registry.commit()
            callers.headers = (bearer(renewed),)
            callers.settled("with the next key, beside the old one")
            next_node = api(database, tmp_path, None, **{**after, "key_pepper": NEXT})
            _, callers.port = nodes.enter_context(next_node)
            callers.settled("on the next node, which has another pepper and another signing key")
            later, later_keys = _signed(callers.port, key)
            first.terminate()
            assert first.wait(60) in {0, -signal.SIGTERM}
            callers.settled("with the first node gone")
    assert {kid["kid"] for kid in keys["keys"]} == {kid["kid"] for kid in later_keys["keys"]}
    for token in (digest, later):
        assert verify(token, keys, "annuaire-checkpoint+jwt")
    lost = callers.lost(database.connect())
    tell(
        Tried("F24", "API key, pepper and signing key changed", callers.answers.total(), len(lost), len(callers.failed))
    )
    assert (callers.failed, lost) == ([], set())


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _signed(port: int, key: str) -> tuple[str, dict[str, list[dict[str, str]]]]:
    """What the node signed, and the keys that it shows."""
    url = f"http://127.0.0.1:{port}"
    told = httpx2.get(f"{url}/v1/digest", headers=bearer(key), timeout=60).json()
    keys: dict[str, list[dict[str, str]]] = httpx2.get(f"{url}/.well-known/annuaire-keys.json", timeout=60).json()
    return told["checkpoint"], keys
