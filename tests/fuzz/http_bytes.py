"""Byte streams that are nearly HTTP, and the strict reading of what is answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from hypothesis import strategies as st

BODY = b'{"uid":"fuzz","task":"echo"}'
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
SOUND = [
    b"GET /-/health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"HEAD /-/health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /fuzz?limit=1&status=queued HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://x/-/ready HTTP/1.1\r\n" + HOST + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /-/tasks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    b"POST / HTTP/1.1\r\n"
    + HOST
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n" % len(BODY)
    + BODY
    + b"\r\n0\r\nA: b\r\n\r\n",
    b"DELETE /fuzz/019ab000-0000-7000-8000-000000000001 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
]
HEADERS = [
    b"Content-Length: 5",
    b"Content-Length: 0005",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: 99999999999999999999",
    b"Content-Length : 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Content-Encoding: gzip",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Expect: 100-continue",
    b"Expect: tea",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key1: x",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
    b"Connection: close",
    b"Host: y",
    b"Idempotency-Key: \xff\x00",
    b"traceparent: 00-" + b"f" * 300,
    b"Last-Event-ID: \xc3\xa9",
    b"X: " + b"x" * 9000,
    b" folded",
    b"no colon",
    b": no name",
    b"Cookie: a=\x7f; b",
    b"Accept: \xe2\x82\xac",
    b"Range: bytes=0-0,1-1",
]
TOKENS = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\x00", b" ", b"\t", b"%", b"%00", b"..", b"/", b"?"),
    *(b"HTTP/1.1", b"HTTP/9.9", b"\xff", b"\xc3\x28", b"0\r\n\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"-"),
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A sound request, with headers added and bytes changed."""
    data = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        header = draw(st.sampled_from(HEADERS))
        first, separator, rest = data.partition(b"\r\n")
        data = first + separator + header + b"\r\n" + rest
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.sampled_from([0, 0, 1, 2, 9]))
        data = data[:start] + draw(st.sampled_from(TOKENS) | st.binary(max_size=3)) + data[end:]
    return data


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Some requests behind each other, cut anywhere."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@dataclass(frozen=True)
class Answer:
    """One answer of a node."""

    status: int
    headers: dict[str, str]
    body: bytes


STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [ -~]+\r\n")
FIELD = re.compile(rb"([!#-'*+.0-9A-Z^-z|~-]+): ([^\x00\r\n]*)\r\n")


def answers(data: bytes) -> Iterator[Answer]:
    """The answers in what a node sent.

    Raises:
        AssertionError: it is not HTTP to the last byte.
    """
    position = 0
    while position < len(data):
        line = STATUS_LINE.match(data, position)
        assert line, data[position : position + 200]
        position, headers = line.end(), dict[str, str]()
        while field := FIELD.match(data, position):
            headers[field[1].decode().lower()] = field[2].decode("latin-1")
            position = field.end()
        assert data[position : position + 2] == b"\r\n", data[position : position + 200]
        position += 2
        body = _body(data, position, headers)
        position += len(body)
        yield Answer(int(line[1]), headers, body)


def _body(data: bytes, position: int, headers: dict[str, str]) -> bytes:
    """The body of an answer; one to HEAD has none, whatever its headers say."""
    if data.startswith(b"HTTP/1.", position):
        return b""
    length = int(headers.get("content-length", "0"))
    body = data[position : position + length]
    assert len(body) in (0, length), "an answer breaks off"
    return body


def require_sound(answer: Answer) -> None:
    """What is promised of each answer."""
    if answer.status == 100:
        return
    assert answer.status < 500 or answer.status == 503, answer
    assert answer.headers["cache-control"], answer
    assert answer.headers["x-content-type-options"] == "nosniff", answer
    assert not re.search("aiohttp|python", answer.headers.get("server", ""), re.IGNORECASE)
    if answer.status >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json"), answer
        assert not answer.body or orjson.loads(answer.body)["status"] == answer.status


async def exchange(host: str, port: int, pieces: list[bytes], *, quiet_s: float) -> bytes:
    """Send the pieces; what came until the node closed the connection or was silent."""
    reader, writer = await asyncio.open_connection(host, port)
    came = bytearray()
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        while True:
            async with asyncio.timeout(quiet_s):
                part = await reader.read(65536)
            if not part:
                break
            came += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return bytes(came)
