"""Which addresses calls may connect to."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

import pytest

from scheduler.webhooks.addresses import callable_of, guarded, refusal
from scheduler.webhooks.errors import AddressRefusedError

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - means this machine
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "192.0.0.170",
    "198.19.255.255",
    "240.0.0.1",
    "239.255.255.255",
    "0.1.2.3",
    "172.31.255.255",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:a00:1",
    "::ffff:0:127.0.0.1",
    "::ffff:100.64.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:a00:1::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1%1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public_is_refused_and_the_message_says_how_to_allow_it(text: str) -> None:
    reason = refusal(ip_address(text), ())
    assert reason is not None
    assert "[hooks] allow" in reason


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_may_be_called(text: str) -> None:
    assert refusal(ip_address(text), ()) is None


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_what_is_allowed_may_be_called_in_each_spelling(text: str) -> None:
    allow = [ip_network("10.0.0.0/8")]
    assert refusal(ip_address(text), allow) is None
    assert refusal(ip_address("192.168.1.1"), allow) is not None


def test_no_socket_is_made_for_an_address_that_is_refused() -> None:
    """Also for an address with a zone, as link-local ones may have."""
    make = guarded([ip_network("127.0.0.0/8")])
    for family, place in (
        (socket.AF_INET, ("10.0.0.1", 80)),
        (socket.AF_INET6, ("fe80::1%lo", 80, 0, 1)),
    ):
        with pytest.raises(AddressRefusedError):
            make((family, socket.SOCK_STREAM, 0, "", place))
    with make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))) as made:
        assert made.family is socket.AF_INET


def test_receivers_are_counted_by_the_first_address_that_may_be_called() -> None:
    """A whole network of IPv6 belongs to one host."""
    public = "2606:4700::1111"
    assert callable_of(["10.0.0.1", "1.1.1.1", public], ()) == "1.1.1.1/32"
    assert callable_of(["fe80::1%eth0", public], ()) == callable_of(["2606:4700::2222"], ())
    assert callable_of(["::ffff:1.1.1.1"], ()) == callable_of(["1.1.1.1"], ())
    with pytest.raises(AddressRefusedError, match=r"10\.0\.0\.1"):
        callable_of(["fe80::1", "10.0.0.1"], ())
    with pytest.raises(AddressRefusedError):
        callable_of([], ())
