"""The proxy in front of us, which alone may say who its client was: by network, or by coming over our unix socket.

The peer of the connection counts, never what a header says of it: the server must not rewrite it (`proxy_headers=False`
of uvicorn). A shared secret, if set, keeps out other programs of the proxy's machine.
"""

import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from app.settings import UNIX_SOCKET, Settings

SECRET_HEADER = "x-annuaire-proxy"  # noqa: S105 - the name of the header, not the secret


class Proxies:
    """Which peers are our proxy."""

    def __init__(self, settings: Settings) -> None:
        named = settings.trusted_proxies or ()
        self._takes_socket = UNIX_SOCKET in named
        self._networks = [ip_network(each) for each in named if each != UNIX_SOCKET]
        self._secret = settings.proxy_secret.get_secret_value().strip().encode()

    def is_peer_of(self, scope: Scope) -> bool:
        """Whether the connection comes from the proxy."""
        if _is_socket(scope):
            return self._takes_socket
        peer = _address(scope["client"][0]) if scope.get("client") else None
        return peer is not None and self._holds(peer)

    def vouches(self, scope: Scope) -> bool:
        """Whether the request comes from the proxy, and proves it where that takes a secret."""
        given = Headers(scope=scope).getlist(SECRET_HEADER)
        knows = not self._secret or (len(given) == 1 and hmac.compare_digest(given[0].encode(), self._secret))
        return self.is_peer_of(scope) and knows

    def client_address(self, scope: Scope) -> str | None:
        """The address of whoever asked: the peer, or, behind the proxy, the last hop that is not the proxy's own.

        What stands further left in X-Forwarded-For was written by the client itself. None: our own unix socket.
        """
        peer = str(scope["client"][0]) if scope.get("client") else None
        if not self.vouches(scope):
            return peer
        hops = [hop.strip() for line in Headers(scope=scope).getlist("x-forwarded-for") for hop in line.split(",")]
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                return peer
            if not self._holds(address):
                return str(address)
        return peer

    def _holds(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def _is_socket(scope: Scope) -> bool:
    """A unix socket has a path and no port. No client proves nothing: a broken TCP connection has none either."""
    server = scope.get("server")
    return server is not None and server[1] is None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
