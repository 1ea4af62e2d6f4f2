"""Attacks by what requests bring: compressed, slow, unfinished, hard to parse."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable

from tests.attacks.attack import Target, hold, request, until_closed

MB = 1_000_000
BLANKS_BYTES = 255 * MB
ARRAY_BYTES = 8 * 1024 * 1024 - 1024
"""Just below the size of an array that a node takes."""
JOB = b'{"uid":"u","task":"echo","data":%s}'


async def gzip_bombs(target: Target, standing: Callable[[], None]) -> None:
    """Bodies that are small on the wire and 255 MB when they are unpacked."""
    await _packed(target, standing, "gzip", gzip.compress(b"[" + b" " * BLANKS_BYTES))


async def deflate_bombs(target: Target, standing: Callable[[], None]) -> None:
    """The same with the other encoding that every server knows."""
    await _packed(target, standing, "deflate", zlib.compress(b"[" + b" " * BLANKS_BYTES))


async def _packed(target: Target, standing: Callable[[], None], encoding: str, body: bytes) -> None:
    bomb = request("POST", "/", {"Content-Encoding": encoding}, body)
    await _repeat(target, standing, bomb, connections=40)


async def unfinished(target: Target, standing: Callable[[], None]) -> None:
    """Bodies of 8 MB that stop before their last byte."""
    head = request("POST", "/", {"Content-Length": str(ARRAY_BYTES)}, b"[")

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b" " * (ARRAY_BYTES - 2))
        await until_closed(reader)

    await hold(target, standing, 40, act)


async def byte_by_byte(target: Target, standing: Callable[[], None]) -> None:
    """Bodies of 1 MB of blanks, and then a byte at a time."""
    head = request("POST", "/", {"Content-Length": str(ARRAY_BYTES)}, b"")

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b" " * MB)
        await writer.drain()
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.0005)

    await hold(target, standing, 8, act)


async def empty_arrays(target: Target, standing: Callable[[], None]) -> None:
    """8 MB of `[[],[],…]`: to be refused, but for its number of jobs only."""
    body = b"[" + b",".join([b"[]"] * (ARRAY_BYTES // 3)) + b"]"
    await _repeat(target, standing, request("POST", "/", None, body), connections=8)


async def nested_arrays(target: Target, standing: Callable[[], None]) -> None:
    """8 MB of arrays, each as deep as a parser allows."""
    deep = b"[" * 1000 + b"]" * 1000
    body = b"[" + b",".join([deep] * (ARRAY_BYTES // 2001)) + b"]"
    await _repeat(target, standing, request("POST", "/", None, body), connections=8)


async def many_values(target: Target, standing: Callable[[], None]) -> None:
    """Seven jobs with as many empty arrays in each as its data may have; they are valid."""
    job = JOB % (b"[" + b",".join([b"[]"] * 340_000) + b"]")
    body = b"[" + b",".join([job] * 7) + b"]"
    await _repeat(target, standing, request("POST", "/", None, body), connections=2)


async def extended_chunks(target: Target, standing: Callable[[], None]) -> None:
    """Chunks with extensions that never end, and trailers that never end."""
    head = request(
        "POST", "/", {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    )
    tails = [b"1;" + b"x" * MB, b"1\r\n[\r\n0\r\n" + b"x: y\r\n" * (MB // 6)]

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tails.reverse()
        writer.write(head + tails[0])
        await until_closed(reader)

    await hold(target, standing, 40, act)


async def submits(target: Target, standing: Callable[[], None]) -> None:
    """Valid submits, as fast as four connections can send them."""
    body = JOB.replace(b"echo", target.task.encode()) % b"1"
    await _repeat(target, standing, request("POST", "/", None, body), connections=4, keep=True)


async def _repeat(
    target: Target,
    standing: Callable[[], None],
    wanted: bytes,
    *,
    connections: int,
    keep: bool = False,
) -> None:
    """Send the same request again and again; with `keep`, on the same connections."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(wanted)
            if not await reader.read(65536) or not keep:
                return

    await hold(target, standing, connections, act)
