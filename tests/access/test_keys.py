"""Keys: their form, what is stored of them, and that nothing else opens the door."""

import re
import zlib
from base64 import b32encode
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.access.key_form import FORM, KeyInvalid, digest, make, parse
from app.access.keys import revoke
from app.access.peppers import PepperMissing, Peppers
from app.main import create_app
from app.settings import Settings
from tests.builders import an_operator

Connection = psycopg.Connection[Any]
PEPPER = Peppers(SecretStr("pepper")).current


def test_a_key_is_long_and_no_two_are_alike() -> None:
    keys = [make(PEPPER)[1] for _ in range(100)]
    assert len(set(keys)) == 100
    assert all(FORM.fullmatch(key) for key in keys)


def test_a_key_opens_to_its_id_and_digest() -> None:
    identifier, key, stored = make(PEPPER)
    parsed = parse(key)
    assert parsed.id == identifier
    assert digest(PEPPER, parsed) == stored
    assert digest(Peppers(SecretStr("another")).current, parsed) != stored
    assert parsed.secret.encode() not in stored


@given(st.integers(0, 10_000), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_any_letter_typed_wrong_is_seen_without_asking(place: int, letter: str) -> None:
    _, key, _ = make(PEPPER)
    at = place % len(key)
    altered = key[:at] + letter + key[at + 1 :]
    if altered != key:
        with pytest.raises(KeyInvalid):
            parse(altered)


@given(st.text())
def test_any_other_text_is_no_key(text: str) -> None:
    with pytest.raises(KeyInvalid):
        parse(text)


@pytest.mark.parametrize("pepper", ["", "   "])
def test_without_a_pepper_no_app_is_made(settings: Settings, pepper: str) -> None:
    with pytest.raises(PepperMissing, match="ANNUAIRE_KEY_PEPPER"):
        create_app(settings.model_copy(update={"key_pepper": SecretStr(pepper)}))


def test_the_database_holds_no_secret(registry: Connection, key_for: Callable[..., dict[str, str]]) -> None:
    secret = key_for("read")["Authorization"].removeprefix("Bearer ").split("_")[2]
    dump = registry.execute("SELECT k::text, digest FROM api_key k").fetchall()
    assert secret[:20] not in str(dump)
    assert not any(secret[:20].encode() in digest for _, digest in dump)


def test_a_key_says_who_is_calling(
    client: TestClient, registry: Connection, key_for: Callable[..., dict[str, str]]
) -> None:
    operator = an_operator(registry, domains=("b.mssante.fr", "a.mssante.fr"))
    me = client.get("/v1/me", headers=key_for("publish", "audit", operator=operator)).json()
    assert me.pop("expires_at")
    assert me == {
        "id": me["id"],
        "credential": f"key:{me['id']}",
        "certificate": None,
        "name": "a test",
        "operator": operator,
        "scopes": ["audit", "publish"],
        "domains": ["a.mssante.fr", "b.mssante.fr"],
        "budget": None,
    }


def test_a_revoked_key_stops_at_once(client: TestClient, registry: Connection, reader: dict[str, str]) -> None:
    me = client.get("/v1/me", headers=reader)
    assert me.status_code == 200
    assert revoke(registry, me.json()["id"])
    registry.commit()
    answer = client.get("/v1/me", headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def forged(key: str) -> str:
    """The id of a real key with a secret of our own and its right checksum."""
    identifier, secret = key.split("_")[1], "a" * 52
    check = b32encode(zlib.crc32(f"{identifier}_{secret}".encode()).to_bytes(4, "big")).decode().rstrip("=").lower()
    return f"annuaire_{identifier}_{secret}{check}"


def test_the_right_id_with_another_secret_is_refused(client: TestClient, reader: dict[str, str]) -> None:
    key = reader["Authorization"].removeprefix("Bearer ")
    assert parse(forged(key)).id == parse(key).id
    answer = client.get("/v1/me", headers={"Authorization": f"Bearer {forged(key)}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Basic YTpi", "", "annuaire_a_b", "Bearer annuaire_é_x"])
@pytest.mark.parametrize("path", ["/v1/me", "/v1/mailboxes"])
def test_what_is_no_key_is_refused_even_where_none_is_needed(client: TestClient, header: str, path: str) -> None:
    answer = client.get(path, headers={b"Authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")
    assert not re.search(r"annuaire_[a-z]", answer.text)
