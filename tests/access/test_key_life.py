"""The life of a key: it ends by itself, is renewed beside its successor, and outlives a change of the pepper."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.access.keys import (
    LONGEST,
    KeyAlreadyRenewed,
    KeyNotInForce,
    KeyUnknown,
    issue,
    one_key,
    renew,
    revoke,
)
from app.access.peppers import PepperMissing, Peppers
from app.main import create_app
from app.settings import Settings
from tests.builders import an_operator

Connection = psycopg.Connection[Any]
MONTH = timedelta(days=30)


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def status(client: TestClient, key: str) -> int:
    return client.get("/v1/me", headers=headers(key)).status_code


def age(registry: Connection, identifier: str, by: timedelta) -> None:
    """Let time pass for one key."""
    registry.execute("UPDATE api_key SET expires_at = expires_at - %s WHERE id = %s", (by, identifier))
    registry.commit()


def test_a_key_ends_by_itself_and_its_holder_is_told_when(
    client: TestClient, registry: Connection, api_settings: Settings
) -> None:
    identifier, key = issue(registry, api_settings.key_pepper, "a", ["read"], None, expires_in=MONTH)
    age(registry, identifier, MONTH - timedelta(minutes=5))
    assert status(client, key) == 200
    age(registry, identifier, timedelta(minutes=5))
    answer = client.get("/v1/me", headers=headers(key))
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials.invalid")
    assert f"expired on {datetime.now(UTC):%d %B %Y}" in answer.json()["detail"]


def test_who_has_not_the_secret_does_not_learn_that_a_key_expired(
    client: TestClient, registry: Connection, api_settings: Settings
) -> None:
    identifier, _ = issue(registry, api_settings.key_pepper, "a", ["read"], None)
    age(registry, identifier, LONGEST)
    elsewhere = Peppers(SecretStr("another")).current
    assert elsewhere.id != Peppers(api_settings.key_pepper).current.id
    _, guessed = issue(registry, api_settings.key_pepper, "b", ["read"], None)
    registry.execute("UPDATE api_key SET digest = '\\x00' WHERE name = 'b'")
    registry.execute("UPDATE api_key SET expires_at = now() - interval '1 day' WHERE name = 'b'")
    registry.commit()
    detail = client.get("/v1/me", headers=headers(guessed)).json()["detail"]
    assert "expired" not in detail


def test_a_key_lives_a_year_unless_told_otherwise(registry: Connection, api_settings: Settings) -> None:
    identifier, _ = issue(registry, api_settings.key_pepper, "a", ["read"], None, budget=500)
    key = one_key(registry, identifier)
    assert key is not None
    assert key.expires_at - key.created_at == LONGEST
    assert key.budget == 500


def test_two_keys_live_while_one_takes_over_from_the_other(
    client: TestClient, registry: Connection, api_settings: Settings
) -> None:
    operator = an_operator(registry)
    old, old_key = issue(
        registry, api_settings.key_pepper, "mail", ["publish", "audit"], operator, expires_in=2 * MONTH, budget=9
    )
    new, new_key = renew(registry, api_settings.key_pepper, old, overlap=MONTH)
    registry.commit()
    assert (status(client, old_key), status(client, new_key)) == (200, 200)
    before, after = one_key(registry, old), one_key(registry, new)
    assert before is not None
    assert after is not None
    assert after.replaces == old
    same = ("name", "scopes", "operator", "budget")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert before.expires_at - after.created_at == MONTH
    assert after.expires_at - after.created_at == LONGEST

    age(registry, old, MONTH)
    assert (status(client, old_key), status(client, new_key)) == (401, 200)


def test_an_overlap_never_lengthens_the_life_of_a_key(registry: Connection, api_settings: Settings) -> None:
    old, _ = issue(registry, api_settings.key_pepper, "a", ["read"], None, expires_in=MONTH)
    ends = one_key(registry, old)
    renew(registry, api_settings.key_pepper, old, overlap=2 * MONTH)
    assert one_key(registry, old) == ends


def test_a_key_is_renewed_once_while_its_successor_lives(registry: Connection, api_settings: Settings) -> None:
    pepper = api_settings.key_pepper
    old, _ = issue(registry, pepper, "a", ["read"], None)
    new, _ = renew(registry, pepper, old, overlap=MONTH)
    with pytest.raises(KeyAlreadyRenewed, match=new):
        renew(registry, pepper, old, overlap=MONTH)
    revoke(registry, new)
    renew(registry, pepper, old, overlap=MONTH)


def test_a_key_that_is_over_is_not_renewed(registry: Connection, api_settings: Settings) -> None:
    pepper = api_settings.key_pepper
    revoked, expired = (issue(registry, pepper, "a", ["read"], None)[0] for _ in range(2))
    revoke(registry, revoked)
    age(registry, expired, LONGEST)
    for identifier in (revoked, expired):
        with pytest.raises(KeyNotInForce):
            renew(registry, pepper, identifier, overlap=MONTH)
    with pytest.raises(KeyUnknown):
        renew(registry, pepper, "nobody", overlap=MONTH)


@pytest.mark.parametrize("is_noted", [True, False], ids=["pepper noted", "key of before peppers had ids"])
def test_a_key_of_a_former_pepper_works_on_and_is_stored_under_the_new_one(
    registry: Connection, api_settings: Settings, *, is_noted: bool
) -> None:
    identifier, key = issue(registry, api_settings.key_pepper, "a", ["read"], None)
    if not is_noted:
        registry.execute("UPDATE api_key SET pepper = NULL")
    registry.commit()
    changed = api_settings.model_copy(
        update={"key_pepper": SecretStr("new"), "former_key_peppers": SecretStr("other pepper-of-the-tests")}
    )
    with TestClient(create_app(changed)) as client:
        assert status(client, key) == 200
    stored = one_key(registry, identifier)
    assert stored is not None
    assert stored.pepper == Peppers(SecretStr("new")).current.id
    with TestClient(create_app(changed.model_copy(update={"former_key_peppers": SecretStr("")}))) as client:
        assert status(client, key) == 200


def test_a_pepper_that_nobody_names_any_more_opens_nothing(registry: Connection, api_settings: Settings) -> None:
    _, key = issue(registry, api_settings.key_pepper, "a", ["read"], None)
    registry.commit()
    with TestClient(create_app(api_settings.model_copy(update={"key_pepper": SecretStr("new")}))) as client:
        assert status(client, key) == 401


def test_a_pepper_is_named_without_telling_it() -> None:
    peppers = Peppers(SecretStr("the secret"), SecretStr("the one before"))
    assert "the" not in repr([*peppers.named(None)])
    assert [len(peppers.named(each.id)) for each in peppers.named(None)] == [1, 1]
    with pytest.raises(PepperMissing):
        Peppers(SecretStr(" "))


def test_the_last_use_is_noted_without_a_write_in_the_request(
    registry: Connection, api_settings: Settings, key_for: Callable[..., dict[str, str]]
) -> None:
    used, unused = key_for("read"), key_for("read")
    with TestClient(create_app(api_settings)) as client:
        identifiers = [client.get("/v1/me", headers=each).json()["id"] for each in (used, used)]
        noted = one_key(registry, identifiers[0])
        assert noted is not None
        assert noted.last_used_at is None
        registry.commit()
    noted = one_key(registry, identifiers[0])
    assert noted is not None
    assert noted.last_used_at is not None
    other = registry.execute("SELECT last_used_at FROM api_key WHERE id <> %s", (identifiers[0],)).fetchall()
    assert other == [(None,)]
    assert unused


@pytest.mark.parametrize(("seconds", "is_written"), [(30, False), (90, True)])
def test_the_last_use_is_written_at_most_once_a_minute(
    registry: Connection, api_settings: Settings, *, seconds: int, is_written: bool
) -> None:
    identifier, key = issue(registry, api_settings.key_pepper, "a", ["read"], None)
    earlier = datetime.now(UTC) - timedelta(seconds=seconds)
    registry.execute("UPDATE api_key SET last_used_at = %s", (earlier,))
    registry.commit()
    with TestClient(create_app(api_settings)) as client:
        assert status(client, key) == 200
    noted = one_key(registry, identifier)
    assert noted is not None
    assert (noted.last_used_at != earlier) == is_written
