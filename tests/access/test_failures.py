"""Wrong credentials cost whoever sends them, and nobody beside them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.access import failures
from app.access.failures import Failures
from app.access.key_form import make
from app.access.keys import revoke
from app.access.peppers import Peppers
from app.main import create_app
from app.settings import Settings
from tests.access.authority import Authority, a_name
from tests.access.conftest import Connection

KeyFor = Callable[..., dict[str, str]]
FLOODER, ELSEWHERE = ("192.0.2.1", 50000), ("192.0.2.2", 50000)
MOST = 3


@pytest.fixture
def strict(api_settings: Settings) -> Settings:
    return api_settings.model_copy(update={"failed_rate": MOST})


@pytest.fixture
def client(strict: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(strict), client=FLOODER, raise_server_exceptions=False) as test_client:
        yield test_client


def wrong(settings: Settings) -> dict[str, str]:
    """A key of the right form that was never issued."""
    return {"Authorization": f"Bearer {make(Peppers.of(settings).current)[1]}"}


def asked(client: TestClient, headers: dict[str, str]) -> Any:
    return client.get("/v1/me", headers=headers)


def test_a_flood_of_wrong_keys_is_refused_before_anybody_is_asked(
    client: TestClient, strict: Settings, key_for: KeyFor
) -> None:
    used, new = key_for("read"), key_for("read")
    assert asked(client, used).status_code == 200
    statuses = [asked(client, wrong(strict)).status_code for _ in range(MOST + 2)]
    assert statuses == [401] * MOST + [429] * 2
    # A good key too that was never seen here: nobody looked.
    refused = asked(client, new)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate.exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # Who shares the address goes on, and so does whoever has no key.
    assert [asked(client, used).status_code for _ in range(MOST + 2)] == [200] * (MOST + 2)
    assert client.get("/v1/practitioners/89990000006").status_code == 404


def test_another_address_is_another(strict: Settings, key_for: KeyFor) -> None:
    app = create_app(strict)
    with TestClient(app, client=FLOODER) as flooder:
        assert [asked(flooder, wrong(strict)).status_code for _ in range(MOST + 1)][-1] == 429
        assert asked(TestClient(app, client=ELSEWHERE), key_for("read")).status_code == 200


def test_a_key_that_was_good_and_is_revoked_waits_like_any_other(
    client: TestClient, strict: Settings, key_for: KeyFor, registry: Connection
) -> None:
    ended = key_for("read")
    assert asked(client, ended).status_code == 200
    row = registry.execute("SELECT id FROM api_key").fetchone()
    assert row is not None
    revoke(registry, row[0])
    registry.commit()
    assert [asked(client, wrong(strict)).status_code for _ in range(MOST)] == [401] * MOST
    assert [asked(client, ended).status_code for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer annuaire_token_nothing"},
        {"Client-Cert": ":AAAA:"},
    ],
)
def test_every_kind_of_wrong_credential_is_counted(client: TestClient, headers: dict[str, str]) -> None:
    assert [asked(client, headers).status_code for _ in range(MOST + 1)] == [401] * MOST + [429]


def test_a_certificate_of_nobody_is_counted(certificate_settings: Settings, authority: Authority) -> None:
    settings = certificate_settings.model_copy(update={"failed_rate": MOST})
    headers = {"X-Forwarded-For": FLOODER[0], **authority.issue(a_name("nobody")).header}
    with TestClient(create_app(settings), client=("127.0.0.1", 50000)) as client:
        assert [asked(client, headers).status_code for _ in range(MOST + 1)] == [403] * MOST + [429]


def test_it_can_be_switched_off(api_settings: Settings) -> None:
    settings = api_settings.model_copy(update={"failed_rate": 0})
    with TestClient(create_app(settings)) as client:
        assert {asked(client, wrong(settings)).status_code for _ in range(1_000)} == {401}


def test_the_oldest_good_ones_are_forgotten_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_GOOD", 2)
    held = Failures(settings)
    for sent in (b"a", b"b", b"a", b"c"):
        held._remember(sent)
    assert list(held._good) == [b"a", b"c"]
