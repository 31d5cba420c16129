"""Where we connect to when others name the host: public unicast addresses alone, so that nobody reaches our network
through us (SSRF).

The tables are those of IANA (special-purpose registries of RFC 6890, and their updates), written out: what the standard
library calls global differs from one version of Python to the next.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
# (family, socket address) of each address that a name has.
Resolved = Sequence[tuple[int, tuple[Any, ...]]]
Resolve = Callable[[str, int], Resolved]

NOT_PUBLIC_V4 = [
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind carriers' translation
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
# Everything else of IPv6 is local, multicast, reserved, or IPv4 in another dress (::/96, ::ffff:0:0/96, 64:ff9b::/96).
GLOBAL_UNICAST_V6 = ip_network("2000::/3")
NOT_PUBLIC_V6 = [
    ip_network(each)
    for each in (
        "2001::/23",  # protocols' own: Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: IPv4 in another dress
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]


class AddressForbidden(Exception):
    """The name leads to where we do not connect."""


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could be reached there."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in GLOBAL_UNICAST_V6:
        return False
    return not any(address in network for network in NOT_PUBLIC_V6)


def resolve(host: str, port: int) -> Resolved:
    """All addresses of a name, as the system resolves it. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), address) for family, _, _, _, address in found]


def require_public(resolved: Resolved) -> None:
    """Raises AddressForbidden when one of the addresses is not public: a name that is half ours is not for us."""
    if not resolved:
        raise AddressForbidden("the name has no address")
    for _, address in resolved:
        if not is_public(ip_address(str(address[0]))):
            raise AddressForbidden("the name leads to an address that is not public")
