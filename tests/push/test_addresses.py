"""Where nobody gets us to connect to."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.push.addresses import NOT_PUBLIC_V4, AddressForbidden, is_public, require_public

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.31.255.255"),
        *("192.168.1.1", "192.88.99.1", "198.19.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::"),
        *("2001::1", "2001:10::1", "100::1", "5f00::1", "3fff::1", "4000::1", "2a00:1450::1%eth0"),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "100.128.0.1", "172.32.0.1", "2a00:1450:4007::1"])
def test_what_is_public_is_not(address: str) -> None:
    assert is_public(ip_address(address))


@given(V4)
def test_no_ipv4_that_python_calls_private_is_public(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(address)


@given(V6)
def test_no_ipv6_that_python_calls_private_is_public(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_site_local:
        assert not is_public(address)


@given(st.sampled_from(NOT_PUBLIC_V4).flatmap(lambda network: st.ip_addresses(network=network)))
def test_every_address_of_a_refused_network_is_refused_in_every_dress(address: IPv4Address) -> None:
    number = int(address)
    dressed = [number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    # Teredo hides the address of the client with its bits turned.
    dressed.append(0x20010000 << 96 | (number ^ 0xFFFFFFFF))
    assert not is_public(address)
    assert not any(is_public(IPv6Address(each)) for each in dressed)


@given(st.lists(V4 | V6, max_size=4))
def test_a_name_is_refused_when_one_of_its_addresses_is(found: list[IPv4Address | IPv6Address]) -> None:
    resolved = [(0, (str(address), 443)) for address in found]
    if found and all(map(is_public, found)):
        require_public(resolved)
    else:
        with pytest.raises(AddressForbidden):
            require_public(resolved)
