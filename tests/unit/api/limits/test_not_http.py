"""Whatever comes in, the answer is HTTP/1.1, a problem, and says nothing of what we are made of."""

from __future__ import annotations

import logging

import pytest

from tests.unit.api.limits.conftest import Peer, Served, request

HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.9\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\n" + HOST + b"\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A : b\r\n\r\n",
        b"G\xc3\xa9T / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\n0123456789",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_answered_with_a_problem(
    served: Served, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """By default they are HTTP/1.0 and plain text, with its version and Python's."""
    peer = await served.connect()
    peer.send(data)

    reply = await peer.reply()

    assert (reply.version, reply.status, reply.problem) == ("HTTP/1.1", 400, "invalid-request")
    assert "this is no HTTP/1.1 request" in reply.detail
    assert reply.headers["connection"] == "close"
    _assert_is_ours(reply.headers)
    assert await peer.closed() == b""
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_line_that_is_too_long_is_answered_with_a_problem(served: Served) -> None:
    long = await served.ask(request("GET", "/" + "x" * 9000))
    assert (long.status, long.problem) == (431, "header-too-large")

    wide = await served.ask(request("GET", "/-/health", {"A": "x" * 9000}))
    assert (wide.status, wide.problem) == (431, "header-too-large")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("CONNECT x:80", 404),
        ("OPTIONS *", 404),
        ("TRACE /", 405),
        ("GET http://elsewhere/-/health", 200),
        ("GET /%", 200),
        ("GET //", 404),
        ("GET /a/../../etc/passwd", 404),
        ("BREW /", 400),
    ],
)
async def test_odd_requests_are_answered_as_others_are(
    served: Served, line: str, status: int
) -> None:
    method, path = line.split(" ")

    reply = await served.ask(request(method, path))

    assert reply.status == status
    _assert_is_ours(reply.headers)


@pytest.mark.parametrize("version", [b"", b" HTTP/0.9", b" HTTP/2.0"])
async def test_other_versions_are_answered_in_ours(served: Served, version: bytes) -> None:
    """By default the answer would say that it is HTTP/2.0."""
    reply = await served.ask(b"GET /-/health" + version + b"\r\n" + HOST + b"\r\n")

    assert reply.version == "HTTP/1.1"
    _assert_is_ours(reply.headers)


async def test_an_upgrade_is_not_made(served: Served) -> None:
    """What follows is the next request, and not another protocol."""
    for protocol in ("websocket", "h2c"):
        peer = await served.connect()
        upgrade = {"Upgrade": protocol, "Connection": "Upgrade"}
        assert (await peer.ask(request("GET", "/-/health", upgrade))).status == 200
        assert (await peer.ask(request("GET", "/-/health"))).status == 200


async def test_a_request_behind_one_that_is_refused_is_not_run(served: Served) -> None:
    """Where a request ends is not known, so a proxy may take another's for a part of it."""
    smuggled = request("POST", "/", None, b'{"uid":"u1","task":"task1"}')
    for header in (b"Content-Length: 4\r\nContent-Length: 5", b"Transfer-Encoding: x"):
        peer: Peer = await served.connect()
        peer.send(b"POST / HTTP/1.1\r\n" + HOST + header + b"\r\n\r\n" + smuggled)

        assert (await peer.reply()).status == 400
        assert await peer.closed() == b""
    assert not served.store.rows


def _assert_is_ours(headers: dict[str, str]) -> None:
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "aiohttp" not in headers.get("server", "").lower()
    assert "python" not in headers.get("server", "").lower()
