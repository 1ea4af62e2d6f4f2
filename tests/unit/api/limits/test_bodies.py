"""Whatever a body is, and however it comes, it costs the node a bounded time and memory."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import orjson
import pytest

from scheduler.api.limits import budget
from scheduler.api.limits.budget import Budget
from scheduler.api.requests import bodies
from tests.support.eventually import eventually
from tests.unit.api.limits.conftest import (
    JSON,
    Peer,
    Served,
    longest_stand_s,
    request,
    submission,
)

MB = 1024 * 1024
ARRAY_BYTES = 8 * MB - 1024
STAND_S = 0.2
"""What is asserted; on an idle machine the longest one is 40 ms."""


def _filled(unit: bytes, size: int) -> bytes:
    return b"[" + b",".join([unit] * ((size - 2) // (len(unit) + 1))) + b"]"


def _jobs(data: bytes) -> bytes:
    job = b'{"uid":"u1","task":"task1","data":%s}' % data
    return b"[" + b",".join([job] * (ARRAY_BYTES // len(job))) + b"]"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP", "x"])
async def test_a_compressed_body_is_refused_unread(served: Served, encoding: str) -> None:
    """260 KB of it can be 255 MB, and the event loop stands while they are unpacked."""
    headers = {"Content-Encoding": encoding, "Content-Length": str(MB)}

    reply = await served.ask(request("POST", "/", headers, b"\x1f\x8b"))

    assert (reply.status, reply.problem) == (415, "not-json")
    assert f"the Content-Encoding says '{encoding}'" in reply.detail
    assert "allowed is only identity" in reply.detail


async def test_a_body_that_is_packed_by_its_transfer_is_refused(served: Served) -> None:
    """Nothing would unpack it, so its bytes are not what they are declared as."""
    headers = {**JSON, "Transfer-Encoding": "gzip, chunked"}

    reply = await served.ask(request("POST", "/", headers))

    assert reply.status == 415
    assert "the Transfer-Encoding says 'gzip, chunked'" in reply.detail


async def test_a_form_is_refused_unread(served: Served) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(MB)}

    assert (await served.ask(request("POST", "/", headers, b"--x"))).status == 415


@pytest.mark.parametrize("path", ["/", "/-/login"])
@pytest.mark.parametrize("unit", [";", '"', "(", "a*=u'';", "a*0=b;", '=?utf-8?q?a?= ;"\\'])
async def test_no_declared_type_stops_the_event_loop_for_long(
    served: Served, unit: str, path: str
) -> None:
    """It is read before anybody is known: one of 8 KB must not cost more than a usual one."""
    peer = await served.connect()
    declared = "application/json" + unit * (7900 // len(unit))
    wanted = request("POST", path, {"Content-Type": declared}, b"[]")
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_sent(peer, wanted))
        longest = await longest_stand_s([sending])

    assert sending.result() in {400, 415}
    assert longest < STAND_S


@pytest.mark.parametrize("tail", [b"1;" + b"x" * MB, b"1\r\n[\r\n0\r\n" + b"x: y\r\n" * 200_000])
async def test_chunks_with_much_beside_their_data_are_bounded(
    served: Served, monkeypatch: pytest.MonkeyPatch, tail: bytes
) -> None:
    """Extensions and trailers are no data, so the size of the body does not bound them."""
    monkeypatch.setattr(bodies, "BODY_LAG_S", 0.1)
    peer = await served.connect()
    peer.send(request("POST", "/", {**JSON, "Transfer-Encoding": "chunked"}) + tail)

    answer = await peer.closed()

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert served.load.budget.held == 0


@pytest.mark.parametrize("sent", [b"", b"[", b" " * 1000, b'{"uid"'])
async def test_a_body_that_stops_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Else its bytes would be kept for as long as the client likes."""
    monkeypatch.setattr(bodies, "BODY_LAG_S", 0.1)

    reply = await served.ask(request("POST", "/", {"Content-Length": "2000"}, sent))

    assert (reply.status, reply.problem) == (408, "too-slow")
    assert reply.detail == f"only {len(sent)} bytes of the body came"
    assert served.load.budget.held == 0


async def test_bodies_share_a_budget_that_leaves_room_for_small_ones_and_aborts(
    served: Served,
) -> None:
    """Many clients that send half of a large body would else take any amount of memory."""
    served.load.budget = Budget(bytes_max=4 * MB, reserve_bytes=MB)
    half = request("POST", "/", {"Content-Length": str(ARRAY_BYTES)}, b"[" + b" " * 3 * MB)
    holder = await served.connect()
    holder.send(half)
    await eventually(lambda: served.load.budget.held > 3 * MB)

    other = await served.ask(half)

    assert (other.status, other.problem) == (503, "busy")
    assert other.headers["retry-after"] == "2"
    assert (await served.ask(submission())).status == 202
    order = orjson.dumps({"uid": "u1", "id": "x"})
    assert (await served.ask(request("DELETE", "/", body=order))).status == 404

    holder.close()
    await eventually(lambda: served.load.budget.held == 0)
    assert (await served.ask(submission("x" * MB))).status == 413


async def test_small_bodies_are_refused_only_when_the_reserve_is_taken(served: Served) -> None:
    """Aborts are not refused even then."""
    served.load.budget = Budget(bytes_max=0, reserve_bytes=0)

    assert (await served.ask(submission())).problem == "busy"
    order = orjson.dumps({"uid": "u1", "id": "x"})
    assert (await served.ask(request("DELETE", "/", body=order))).status == 404
    for path in ("/-/health", "/-/ready"):
        assert (await served.ask(request("GET", path))).status == 200


async def test_a_body_is_looked_at_once(served: Served) -> None:
    """A client that sends a byte at a time after a million blanks must not keep a core busy."""
    peer, pieces = await served.connect(), 100
    head = request("POST", "/", {"Content-Length": str(ARRAY_BYTES)}, b" " * MB)
    peer.send(head)
    await eventually(lambda: served.load.budget.held == MB)
    before = time.thread_time()

    for number in range(1, pieces + 1):
        peer.send(b" ")
        await eventually(partial(_holds, served, MB + number))

    assert time.thread_time() - before < pieces * 1e-3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(_filled(b"[]", ARRAY_BYTES), 400, id="empty arrays"),
        pytest.param(_filled(b"{}", ARRAY_BYTES), 400, id="empty objects"),
        pytest.param(_filled(b"0", ARRAY_BYTES), 400, id="numbers"),
        pytest.param(_filled(b"[" * 1000 + b"]" * 1000, ARRAY_BYTES), 400, id="deep arrays"),
        pytest.param(b"[" + b" " * (ARRAY_BYTES - 2) + b"]", 400, id="blanks"),
        pytest.param(b"[" * ARRAY_BYTES, 413, id="open arrays"),
        pytest.param(b'["' + b"\\n" * (ARRAY_BYTES // 2 - 4) + b'"]', 413, id="one string"),
        pytest.param(_jobs(_filled(b"[]", MB)), 202, id="jobs of empty arrays"),
        pytest.param(_jobs(_filled(b'{"":0}', MB)), 202, id="jobs of objects"),
        pytest.param(_jobs(_filled(b'""', MB)), 202, id="jobs of strings"),
        pytest.param(_jobs(_filled(b"1234567890123456789", MB)), 202, id="jobs of long numbers"),
        pytest.param(_jobs(_filled(b"1.5e-300", MB)), 202, id="jobs of floats"),
        pytest.param(_jobs(_filled(b"[" * 250 + b"]" * 250, MB)), 202, id="jobs of deep arrays"),
        pytest.param(_jobs(b'"' + b"\\n" * (MB // 2 - 1) + b'"'), 202, id="jobs of escapes"),
        pytest.param(
            _jobs(orjson.dumps(dict.fromkeys(map(str, range(99_000)), 0))), 202, id="keys"
        ),
    ],
)
async def test_no_body_stops_the_event_loop_for_long(
    served: Served, body: bytes, status: int
) -> None:
    """While it stands, no lease is renewed and no abort is received."""
    peer = await served.connect()
    wanted = request("POST", "/", {"Idempotency-Key": "k"}, body)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_sent(peer, wanted))
        longest = await longest_stand_s([sending])

    assert sending.result() == status
    assert longest < STAND_S


async def test_many_large_bodies_stop_the_event_loop_no_longer_than_one(served: Served) -> None:
    """They are parsed in turn, and between two of them everybody else has a turn."""
    body = b'{"uid":"u1","task":"task1","data":%s}' % _filled(b"[[]]", MB)
    peers = [await served.connect() for _ in range(8)]

    wanted = request("POST", "/", None, body)
    async with asyncio.TaskGroup() as group:
        sending = [group.create_task(_sent(peer, wanted)) for peer in peers]
        longest = await longest_stand_s(sending)

    assert {each.result() for each in sending} == {202}
    assert longest < STAND_S


async def test_a_body_that_no_view_reads_does_not_stay_in_memory(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that waits for a minute would keep it for as long."""
    monkeypatch.setattr(bodies, "BODY_LAG_S", 0.1)
    path = "/u1/019ab000-0000-7000-8000-000000000001?wait=60"

    assert (await served.ask(request("GET", path, None, b"x" * 1000))).status == 404
    assert (await served.ask(request("GET", path, None, b"x" * 2 * MB))).status == 413
    assert (await served.ask(request("GET", path, {"Content-Length": "9"}, b""))).status == 408


async def test_a_client_that_waits_for_100_continue_gets_it_when_its_body_is_wanted(
    served: Served,
) -> None:
    """So a body that is refused for its size is never sent."""
    body = orjson.dumps({"uid": "u1", "task": "task1"})
    expecting = {"Expect": "100-continue"}
    peer = await served.connect()
    peer.send(request("POST", "/", {**JSON, **expecting, "Content-Length": str(len(body))}))

    assert (await peer.reply()).status == 100
    assert (await peer.ask(body)).status == 202
    too_long = request("POST", "/", {**JSON, **expecting, "Content-Length": str(20 * MB)})
    assert (await served.ask(too_long)).status == 413
    assert (await served.ask(request("GET", "/-/health", expecting))).status == 200
    unknown = await served.ask(request("POST", "/", {"Expect": "tea"}, b"{}"))
    assert (unknown.status, unknown.problem) == (417, "expectation-failed")


def test_the_budget_is_what_the_docs_say() -> None:
    assert (budget.BYTES_MAX, budget.RESERVE_BYTES) == (64 * MB, 32 * MB)


def _holds(served: Served, size: int) -> bool:
    return served.load.budget.held == size


async def _sent(peer: Peer, data: bytes) -> int:
    """Send a request; the status of its answer, whose body is read as well."""
    peer.send(data)
    return (await peer.reply()).status
