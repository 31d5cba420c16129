"""Who is taken for the proxy, and whose address a request has."""

import pytest
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from app.access.proxy import Proxies
from app.main import create_app
from app.settings import Settings

SOCKET = ("/run/annuaire/http", None)
PORT = ("10.0.0.1", 8000)


def proxies(trusted: str | None, secret: str = "") -> Proxies:
    return Proxies(Settings(_env_file=None, trusted_proxies=trusted, proxy_secret=SecretStr(secret)))


def scope(client: str | None, *headers: tuple[str, str], server: tuple[str, int | None] = PORT) -> dict[str, object]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"client": (client, 50000) if client else None, "server": server, "headers": raw}


@pytest.mark.parametrize(
    ("trusted", "client", "server", "is_proxy"),
    [
        (None, "127.0.0.1", PORT, False),
        ("10.0.0.0/8", "10.1.2.3", PORT, True),
        ("10.0.0.0/8", "11.1.2.3", PORT, False),
        ("10.0.0.0/8 fd00::/8", "fd12::1", PORT, True),
        ("127.0.0.1", "127.0.0.1", PORT, True),
        ("127.0.0.1", "::ffff:127.0.0.1", PORT, True),
        ("127.0.0.1", "127.0.0.2", PORT, False),
        ("unix", None, SOCKET, True),
        ("unix", "127.0.0.1", PORT, False),
        ("unix", None, PORT, False),
        ("10.0.0.0/8", None, SOCKET, False),
        ("10.0.0.0/8", None, PORT, False),
        ("10.0.0.0/8", "testclient", PORT, False),
    ],
)
def test_the_peer_of_the_connection_decides(
    trusted: str | None, client: str | None, server: tuple[str, int | None], *, is_proxy: bool
) -> None:
    forged = ("x-forwarded-for", "10.1.2.3")
    assert proxies(trusted).is_peer_of(scope(client, forged, server=server)) == is_proxy
    assert proxies(trusted).vouches(scope(client, forged, server=server)) == is_proxy


@pytest.mark.parametrize(
    ("headers", "vouches"),
    [
        ([("x-annuaire-proxy", "the secret")], True),
        ([("x-annuaire-proxy", "another")], False),
        ([("x-annuaire-proxy", "")], False),
        ([("x-annuaire-proxy", "é")], False),
        ([("x-annuaire-proxy", "the secret"), ("x-annuaire-proxy", "another")], False),
        ([], False),
    ],
)
def test_where_a_secret_is_set_the_proxy_proves_that_it_knows_it(
    headers: list[tuple[str, str]], *, vouches: bool
) -> None:
    assert proxies("127.0.0.1", "the secret").vouches(scope("127.0.0.1", *headers)) == vouches
    assert not proxies("127.0.0.1", "the secret").vouches(scope("192.0.2.1", *headers))


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, 127.0.0.1"], "198.51.100.7"),
        ("127.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, nonsense"], "127.0.0.1"),
    ],
)
def test_the_address_is_the_last_one_that_the_proxy_did_not_write_of_itself(
    client: str, forwarded: list[str], address: str
) -> None:
    lines = [("x-forwarded-for", each) for each in forwarded]
    assert proxies("127.0.0.1").client_address(scope(client, *lines)) == address


def test_a_request_over_our_own_socket_has_no_address_but_the_one_that_the_proxy_says() -> None:
    ours = proxies("unix")
    assert ours.client_address(scope(None, server=SOCKET)) is None
    assert ours.client_address(scope(None, ("x-forwarded-for", "198.51.100.7"), server=SOCKET)) == "198.51.100.7"
    assert proxies(None).client_address(scope(None, ("x-forwarded-for", "198.51.100.7"), server=SOCKET)) is None


@pytest.mark.parametrize("trusted", ["10.0.0.1/8", "localhost", "unix,127.0.0.1", "0.0.0.0/33"])
def test_what_is_no_network_is_refused(trusted: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        proxies(trusted)


@pytest.mark.parametrize(("peer", "statuses"), [("127.0.0.1", [200, 200, 429]), ("192.0.2.1", [200, 429, 429])])
def test_behind_the_proxy_each_caller_has_a_rate_of_its_own_and_elsewhere_nobody_chooses_an_address(
    api_settings: Settings, peer: str, statuses: list[int]
) -> None:
    settings = api_settings.model_copy(update={"trusted_proxies": ("127.0.0.1",), "anonymous_rate": 1})
    with TestClient(create_app(settings), client=(peer, 50000)) as client:
        asked = [
            client.get("/v1/digest", headers={"X-Forwarded-For": address}).status_code
            for address in ("198.51.100.1", "198.51.100.2", "198.51.100.1")
        ]
    assert asked == statuses
