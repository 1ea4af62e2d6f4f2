"""The sockets of a node: one for each address, all on one port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from scheduler.basics.urls import local
from scheduler.core.errors import StartError
from scheduler.node import listening
from scheduler.node.listening import listen, url_of

LOOPBACKS = ("127.0.0.1", "::1")
ALL_IPV4 = "0.0.0.0"  # noqa: S104


@contextmanager
def bound(*hosts: str, port: int = 0) -> Iterator[list[str]]:
    """What is listened on for these hosts, as URLs."""
    with ExitStack() as stack:
        yield [url_of(stack.enter_context(each), secure=False) for each in listen(hosts, port)]


def answers(host: str, url: str) -> bool:
    """Whether the port of the URL can be reached by this address."""
    try:
        socket.create_connection((host, int(url.rpartition(":")[2])), 5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(
    ("hosts", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("127.0.0.1 ::1", "127.0.0.1 ::1"),
        ("127.0.0.2 127.0.0.1", "127.0.0.2 127.0.0.1"),
        ("::", "127.0.0.1 127.0.0.2 ::1"),
        (ALL_IPV4, "127.0.0.1 127.0.0.2"),
        (":: 127.0.0.1", "127.0.0.1 127.0.0.2 ::1"),
        (f"127.0.0.1 {ALL_IPV4} ::", "127.0.0.1 127.0.0.2 ::1"),
        ("127.0.0.1 127.0.0.1", "127.0.0.1"),
    ],
)
def test_each_host_is_reached_and_no_other_address(hosts: str, reached: str) -> None:
    """`::` is all addresses of both families, and the port is the same for all."""
    with bound(*hosts.split()) as urls:
        found = {each for each in ("127.0.0.1", "127.0.0.2", "::1") if answers(each, urls[0])}
        assert found == set(reached.split())
        assert len({url.rpartition(":")[2] for url in urls}) == 1


def test_a_name_may_have_several_addresses() -> None:
    with bound("localhost") as urls:
        assert any(answers(each, urls[0]) for each in LOOPBACKS)


def test_the_urls_are_in_the_order_of_the_hosts() -> None:
    with bound("::1", "127.0.0.1") as urls:
        port = urls[0].rpartition(":")[2]
        assert urls == [f"http://[::1]:{port}", f"http://127.0.0.1:{port}"]


def test_a_port_that_is_taken_for_one_address_is_named() -> None:
    """Then the node listens on none of them: half a node would be found out much later."""
    with bound(*LOOPBACKS) as (both, *_):
        port = int(both.rpartition(":")[2])  # free at both addresses
    with bound("::1", port=port):
        with (
            pytest.raises(StartError, match=rf"\[::1\]:{port} is in use"),
            bound(*LOOPBACKS, port=port),
        ):
            pass
        with bound("127.0.0.1", port=port):
            pass


def test_any_free_port_is_one_that_is_free_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one that the system offers may be taken at another address."""
    real = listening._bind
    refused: list[int] = []

    def bind(address: listening.Address, port: int) -> socket.socket:
        if address.ip == "::1" and len(refused) < 3:
            refused.append(port)
            raise OSError(98, "Address already in use")
        return real(address, port)

    monkeypatch.setattr(listening, "_bind", bind)
    with bound(*LOOPBACKS) as urls:
        assert len(urls) == 2
    assert len(refused) == 3


@pytest.mark.parametrize("host", ["192.0.2.7", "nowhere.invalid", "a" * 64, "fe80::1"])
def test_a_host_that_cannot_be_listened_on_is_named(host: str) -> None:
    with pytest.raises(StartError, match=rf"\[http\] {host}.* cannot be listened on: ."):
        listen(("127.0.0.1", host), 0)


def test_a_machine_without_ipv6_listens_on_the_rest_of_a_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`localhost` and `::` have an address there that the machine does not have."""
    real = listening._bind

    def bind(address: listening.Address, port: int) -> socket.socket:
        if address.family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(address, port)

    monkeypatch.setattr(listening, "_bind", bind)
    with bound("::") as urls:
        assert len(urls) == 1
        assert answers("127.0.0.1", urls[0])
    with pytest.raises(StartError, match="::1:0 cannot be listened on: Address family"):
        listen(LOOPBACKS, 0)


@pytest.mark.parametrize(
    ("urls", "reachable"),
    [
        (["http://[::]:80", "http://0.0.0.0:80"], "http://127.0.0.1:80"),
        (["http://[::]:80"], "http://[::1]:80"),
        (["http://[::1]:80", "http://10.0.0.7:80"], "http://10.0.0.7:80"),
        (["http://10.0.0.7:80"], "http://10.0.0.7:80"),
    ],
)
def test_handlers_get_a_url_that_leads_to_the_node(urls: list[str], reachable: str) -> None:
    """`0.0.0.0` and `::` are no addresses to connect to everywhere."""
    assert local(urls) == reachable
