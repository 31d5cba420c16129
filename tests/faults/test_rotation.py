"""Rotation under load (F24): pepper, signing key and API keys change, and nobody who keeps to the overlap is refused.

As behind a proxy that takes one node after the other: the next one starts beside the first, callers go over, the first
one ends.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from app.access.keys import issue, renew
from app.signing import verify
from tests.builders import DOMAIN, RPPS, a_practitioner, an_operator, publish
from tests.faults.api import PEPPER, api
from tests.faults.report import Tell, Tried
from tests.harness.database import Database

NEXT = "the pepper that comes next"
CALLERS = 2
ENOUGH = 10


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


class Callers:
    """Readers and a writer, who go to the node and carry the key that they are told of, and prove what is signed."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.answers: Counter[tuple[int, str]] = Counter()
        self.failed: list[str] = []
        self.acknowledged: set[str] = set()
        # The node that each of them asked last.
        self._asked: dict[int, int] = {}
        self._stop = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def settled(self, phase: str) -> None:
        """Until so many were answered, and everybody by this node."""
        before, deadline = self.answers.total(), time.monotonic() + 120
        while self.answers.total() < before + ENOUGH or set(self._asked.values()) != {self.port}:
            assert time.monotonic() < deadline, phase
            assert self.failed == [], phase
            time.sleep(0.02)

    def _call(self, caller: int) -> None:
        number, cursor = 0, ""
        with httpx2.Client(timeout=60) as client:
            while not self._stop.is_set():
                number, port = number + 1, self.port
                url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {self.key}"}
                answers = [client.get(f"{url}/v1/changes?limit=2{cursor}", headers=headers)]
                cursor = f"&after={answers[0].json()['next']}" if answers[0].is_success else cursor
                address = f"c{caller}.{number}@{DOMAIN}"
                body = {"type": "PER", "practitioner": RPPS}
                answers.append(client.put(f"{url}/v1/mailboxes/{address}", json=body, headers=headers))
                if answers[-1].status_code == 201:
                    self.acknowledged.add(address)
                self._note(answers)
                self._asked[caller] = port

    def _note(self, answers: list[httpx2.Response]) -> None:
        for answer in answers:
            self.answers[answer.status_code, answer.request.method] += 1
            if not answer.is_success:
                self.failed.append(answer.text)


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
        callers = Callers(port, key)
        with callers.at_work():
            callers.settled("before anything changes")
            digest, keys = _signed(port, key)
            with database.connect() as registry:
                _, callers.key = renew(registry, SecretStr(PEPPER), identifier, overlap=timedelta(hours=1))
                registry.commit()
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
    with database.connect() as connection:
        rows = {address for (address,) in connection.execute("SELECT address FROM mailbox WHERE source = 'api'")}
    lost = callers.acknowledged - rows
    tell(
        Tried("F24", "API key, pepper and signing key changed", callers.answers.total(), len(lost), len(callers.failed))
    )
    assert (callers.failed, lost) == ([], set())


def _signed(port: int, key: str) -> tuple[str, dict[str, list[dict[str, str]]]]:
    """What the node signed, and the keys that it shows."""
    url = f"http://127.0.0.1:{port}"
    told = httpx2.get(f"{url}/v1/digest", headers={"Authorization": f"Bearer {key}"}, timeout=60).json()
    keys: dict[str, list[dict[str, str]]] = httpx2.get(f"{url}/.well-known/annuaire-keys.json", timeout=60).json()
    return told["checkpoint"], keys
