"""However many clients connect, and however slowly they send and read, others are served."""

from __future__ import annotations

import asyncio
import resource
import socket

import orjson
import pytest

from scheduler.api.limits import connection, load, server
from scheduler.api.limits.budget import Budget
from tests.support.eventually import eventually
from tests.unit.api.limits.conftest import Peer, Served, request, submission

HALF = b"GET /-/health HTTP/1.1\r\nHost: local"
HEALTH = request("GET", "/-/health")
LIST = request("GET", "/u1")
ABORT = request("DELETE", "/u1/019ab000-0000-7000-8000-000000000001")
WAIT = request("GET", "/-/events")
MOST, EXTRA = 40, 20


async def _all_open(served: Served, number: int) -> None:
    await eventually(lambda: len(served.server._open) == number)


async def _busy(served: Served, number: int) -> list[Peer]:
    """Connections with a request that does not end."""
    served.load.streams.most = 10 * MOST  # else they would be refused long before
    peers = [await served.connect() for _ in range(number)]
    for peer in peers:
        peer.send(WAIT)
    for peer in peers:
        assert (await peer.reply()).status == 200
    return peers


async def test_a_header_that_does_not_come_in_time_is_given_up(served: Served) -> None:
    """The parser would wait for it as long as the client likes."""
    half, silent = await served.connect(), await served.connect()
    half.send(HALF)
    await _all_open(served, 2)
    await eventually(lambda: any(each._header_bytes for each in served.server._open))

    served.server.look(asyncio.get_running_loop().time() + server.HEADER_S + 1)

    reply = await half.reply()
    assert (reply.version, reply.status, reply.problem) == ("HTTP/1.1", 408, "too-slow")
    assert reply.detail == f"only {len(HALF)} bytes of the header came"
    assert reply.headers["connection"] == "close"
    assert await silent.closed() == b""
    await _all_open(served, 0)


async def test_a_header_that_comes_byte_by_byte_gets_no_more_time(served: Served) -> None:
    """The time counts from its first byte, on a connection that was used before as well."""
    peer = await served.connect()
    assert (await peer.ask(HEALTH)).status == 200
    (there,) = served.server._open
    peer.send(HALF[:1])
    await eventually(lambda: there._header_bytes == 1)
    since = there.since
    peer.send(HALF[1:2])
    await eventually(lambda: there._header_bytes == 2)

    assert there.since == since
    served.server.look(since + server.HEADER_S + 0.1)
    assert (await peer.reply()).status == 408


async def test_a_connection_that_is_used_is_kept(served: Served) -> None:
    peer = await served.connect()
    for _ in range(3):
        assert (await peer.ask(HEALTH)).status == 200
        served.server.look(asyncio.get_running_loop().time() + server.HEADER_S + 1)

    assert (await peer.ask(HEALTH)).status == 200


async def test_a_header_that_is_too_long_is_refused(served: Served) -> None:
    """A hundred fields of 8 KB are within each limit of aiohttp."""
    fields = {f"X-{number}": "x" * 8000 for number in range(100)}
    peer = await served.connect()
    peer.send(request("GET", "/-/health", fields)[:-2])

    reply = await peer.reply()

    assert (reply.status, reply.problem) == (431, "header-too-large")
    assert f"longer than {connection.HEADER_BYTES_MAX} bytes" in reply.detail


async def test_at_the_cap_the_connection_that_is_idle_for_longest_makes_room(
    served: Served,
) -> None:
    """A client opens it again; a request that is being answered is not cut off."""
    first, second = await served.connect(), await served.connect()
    assert (await first.ask(HEALTH)).status == 200
    assert (await second.ask(HEALTH)).status == 200
    await _busy(served, MOST - 2)

    assert (await served.ask(LIST)).status == 200
    assert await first.closed() == b""
    assert (await second.ask(LIST)).status == 200


async def test_at_the_cap_the_header_that_takes_longest_makes_room(served: Served) -> None:
    """So whoever sends his request at once finds a place, however many do not."""
    peers = [await served.connect() for _ in range(3 * MOST)]
    for peer in peers:
        peer.send(HALF)
    await _all_open(served, MOST + EXTRA)

    assert (await served.ask(LIST)).status == 200
    assert (await served.ask(submission())).status == 202
    assert (await served.ask(ABORT)).status == 404
    assert await peers[0].closed() == b""


async def test_clients_that_come_together_are_not_closed_for_one_another(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them has had the time to send anything; an abort may be among them."""
    monkeypatch.setattr(server, "NEW_S", 60.0)  # to connect takes a while on a busy machine
    await _busy(served, MOST)
    peers = [await served.connect() for _ in range(EXTRA)]
    await _all_open(served, MOST + EXTRA)
    for peer in peers:
        assert (await peer.ask(ABORT)).status == 404


async def test_connections_beyond_the_cap_are_for_aborts_and_health(served: Served) -> None:
    """Clients that wait take all others; an abort must not wait until one of them goes."""
    peers = await _busy(served, MOST)

    refused = await served.ask(LIST)
    assert (refused.status, refused.problem) == (503, "busy")
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["connection"] == "close"
    assert (await served.ask(submission())).status == 503
    assert (await served.ask(ABORT)).status == 404
    assert (await served.ask(HEALTH)).status == 200
    assert (await served.ask(request("GET", "/-/ready"))).status == 200

    peers[0].close()
    peers[1].close()
    await eventually(lambda: len(served.server._open) - len(served.server._idle) < MOST)
    assert (await served.ask(LIST)).status == 200


async def test_the_extra_connections_have_a_cap_too(served: Served) -> None:
    """Descriptors are left for the store, for pool processes, for looks at processes."""
    served.load.streams.most = 10 * MOST
    for _ in range(3 * (MOST + EXTRA)):
        (await served.connect()).send(WAIT)

    await eventually(lambda: len(served.server._open) <= MOST + EXTRA)
    await eventually(lambda: not served.server._heads)
    assert len(served.server._open) <= MOST + EXTRA + 1


async def test_an_answer_that_nobody_reads_is_given_up(served: Served) -> None:
    """Else it would stay in memory for as long as the client likes."""
    for _ in range(8):
        assert (await served.ask(submission("x" * 1_000_000))).status == 202
    peer = await served.connect()
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    peer.send(LIST)
    await eventually(lambda: served.load.budget.held > 4_000_000)
    now = asyncio.get_running_loop().time()

    served.server.look(now)
    assert served.load.budget.held
    served.server.look(now + server.ANSWER_LAG_S + 1)

    await eventually(lambda: served.load.budget.held == 0)
    await _all_open(served, len(served.peers) - 1)


async def test_lists_are_refused_while_too_many_wait_for_their_readers(served: Served) -> None:
    """A job that was stored is answered for all the same: a 503 would say that it was not."""
    for _ in range(8):
        assert (await served.ask(submission("x" * 1_000_000))).status == 202
    served.load.budget = Budget(bytes_max=10_000_000, reserve_bytes=9_000_000)
    served.server._load = served.load
    peer = await served.connect()
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    peer.send(LIST)
    await eventually(lambda: served.load.budget.held > 4_000_000)

    refused = await served.ask(LIST)

    assert (refused.status, refused.problem) == (503, "busy")
    assert (await served.ask(submission("x" * 1_000_000))).status == 202
    peer.close()
    await eventually(lambda: served.load.budget.held == 0)
    assert (await served.ask(LIST)).status == 200


async def test_what_is_sent_ahead_is_bounded(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default 32 requests of each connection are parsed ahead, a megabyte of header each."""
    (peer,) = await _busy(served, 1)
    fields = {f"X-{number}": "x" * 8000 for number in range(100)}

    peer.send(request("GET", "/-/health", fields) * 5)

    await eventually(lambda: served.server._ahead_bytes > connection.AHEAD_BYTES_MAX)
    (other,) = await _busy(served, 1)
    monkeypatch.setattr(server, "AHEAD_BYTES_MAX", served.server._ahead_bytes)
    other.send(request("GET", "/-/health", fields) * 5)
    await eventually(lambda: len(served.server._open) == 1)


@pytest.mark.parametrize("cut", range(0, 200, 7))
async def test_requests_that_are_sent_ahead_are_answered_in_order(served: Served, cut: int) -> None:
    """Wherever they are cut: a part of the next body may come with the request before."""
    bodies = [orjson.dumps({"uid": f"u{n}", "task": "task1"}) for n in range(4)]
    data = b"".join(request("POST", "/", None, body) for body in bodies)
    peer = await served.connect()

    peer.send(data[:-cut] if cut else data)
    first = await peer.reply()
    peer.send(data[len(data) - cut :] if cut else b"")
    replies = [first, *[await peer.reply() for _ in bodies[1:]]]

    assert [reply.status for reply in replies] == [202] * 4
    assert [orjson.loads(reply.body)["uid"] for reply in replies] == ["u0", "u1", "u2", "u3"]


async def test_most_descriptors_are_left_for_what_is_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit, most in ((1024, 512), (256, 128), (1 << 20, 4096), (-1, 4096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert server.connections_max() == most


async def test_an_answer_waits_where_it_is_counted(served: Served) -> None:
    """The system would take several MB of it for each connection, out of anybody's sight."""
    peer = await served.connect()
    assert (await peer.ask(HEALTH)).status == 200
    (there,) = served.server._open
    assert there.transport is not None
    system = there.transport.get_extra_info("socket")

    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        size = system.getsockopt(socket.SOL_SOCKET, buffer)
        assert size <= 2 * connection.SYSTEM_BUFFER_BYTES


@pytest.mark.parametrize("path", ["/u1", "/u1/{id}", "/u1/{id}?wait=60", "/u1/{id}/hooks"])
async def test_what_may_be_large_is_read_a_few_at_a_time(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Hundreds at a time keep the event loop and the store's line busy, and aborts wait in it."""
    monkeypatch.setattr(load, "LINE_S", 0.05)
    job = orjson.loads((await served.ask(submission())).body)
    wanted = request("GET", path.format(**job))
    line = served.load.lists if path == "/u1" else served.load.reads
    places = load.LISTS_MAX if path == "/u1" else load.READS_MAX
    for _ in range(places):
        await line.enter()

    refused = await served.ask(wanted)

    assert (refused.status, refused.problem) == (503, "busy")
    assert (await served.ask(request("DELETE", f"/u1/{job['id']}"))).status == 200
    line.leave()
    assert (await served.ask(wanted)).status == 200
