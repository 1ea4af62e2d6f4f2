"""Clients that connect by https count from their first moment, and nobody crowds the others out."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.api.limits import handshakes, server
from scheduler.api.limits.handshakes import Handshakes
from scheduler.basics.background import background
from tests.support.eventually import eventually
from tests.support.servers.certificates import Authority
from tests.unit.api.conftest import build
from tests.unit.api.limits.conftest import Peer, Served, request, serving

HEALTH = request("GET", "/-/health")
MOST, EXTRA = 40, 20
OTHERS = "127.0.0.2"
"""Another address of this machine."""


class Secure:
    """The same server by https."""

    def __init__(self, served: Served, port: int, trusted: ssl.SSLContext) -> None:
        self.served = served
        self._port = port
        self._trusted = trusted

    async def silent(self, source: str = "127.0.0.1") -> Peer:
        """A client that connects and says nothing."""
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self._port, local_addr=(source, 0)))
        self.served.peers.append(peer)
        return peer

    async def connect(self) -> Peer:
        """A client that agrees on keys."""
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self._port, ssl=self._trusted))
        self.served.peers.append(peer)
        return peer

    async def all_open(self, number: int) -> None:
        await eventually(lambda: len(self.served.server._open) == number)


@pytest.fixture(name="secure")
async def secure_fixture(tmp_path: Path) -> AsyncIterator[Secure]:
    authority = Authority(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("node"))
    trusted = ssl.create_default_context(cafile=authority.certificate)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        listening.settimeout(0)
        async with serving(build()) as served:
            accepting = Handshakes(served.server, context).accept(listening)
            async with background(accept=accepting):
                yield Secure(served, listening.getsockname()[1], trusted)


async def test_requests_are_answered_one_after_the_other(secure: Secure) -> None:
    """As by http, on a connection that stays open."""
    peer = await secure.connect()
    for _ in range(3):
        assert (await peer.ask(HEALTH)).status == 200
    await secure.all_open(1)
    peer.close()
    await secure.all_open(0)
    assert not secure.served.server._origins


async def test_clients_that_say_nothing_have_no_more_places_than_others(secure: Secure) -> None:
    """Each has a descriptor, and without one a node can abort nothing."""
    for _ in range(3 * (MOST + EXTRA)):
        await secure.silent()
    await eventually(lambda: len(secure.served.server._open) <= MOST + EXTRA)
    assert len(secure.served.server._open) >= MOST


async def test_who_says_nothing_is_given_up_in_time(secure: Secure) -> None:
    """In the time of a header, which the first one has after it."""
    peer = await secure.silent()
    await secure.all_open(1)
    now = asyncio.get_running_loop().time()
    secure.served.server.look(now + server.HEADER_S - 1)
    await secure.all_open(1)
    secure.served.server.look(now + server.HEADER_S + 1)
    assert await peer.closed() == b""
    await secure.all_open(0)
    assert handshakes.HANDSHAKE_S == server.HEADER_S


@pytest.mark.parametrize("first", [HEALTH, b"\x16\x03\x01\x00\x05nonsense", b""])
async def test_what_is_no_tls_is_closed(secure: Secure, first: bytes) -> None:
    """And leaves nothing behind."""
    peer = await secure.silent()
    peer.send(first)
    peer.writer.write_eof()
    await peer.closed()
    await secure.all_open(0)
    assert (await (await secure.connect()).ask(HEALTH)).status == 200


async def test_a_flood_from_one_address_closes_its_own_connections(secure: Secure) -> None:
    """Whoever asks from elsewhere keeps the one that he has, and finds one if he has none."""
    kept = await secure.connect()
    assert (await kept.ask(HEALTH)).status == 200
    for _ in range(2 * (MOST + EXTRA)):
        await secure.silent(OTHERS)
    waiting = await secure.silent()
    for _ in range(MOST):
        await secure.silent(OTHERS)
    assert (await kept.ask(HEALTH)).status == 200
    assert (await (await secure.connect()).ask(HEALTH)).status == 200
    assert not waiting.reader.at_eof()
    assert secure.served.server._origins["127.0.0.1"] == 3
