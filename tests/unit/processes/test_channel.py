"""The channel: frames in whatever pieces they come, and nothing more after a broken one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from scheduler.processes.channel import Channel
from scheduler.processes.child.frames import HEADER, FrameReader, frame
from tests.support.eventually import eventually

BYTES_MAX = 1000


class Ends:
    """Both ends of a socket, and what was received from the far one."""

    def __init__(self, far: socket.socket) -> None:
        self.far = far
        self.received: list[Any] = []
        self.channel = Channel(self.received.append, frame_bytes_max=BYTES_MAX)

    async def receives(self, *messages: object) -> None:
        await eventually(lambda: self.received == list(messages), saying=f"{messages} are received")


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    async with both_ends() as ends:
        yield ends


@asynccontextmanager
async def both_ends() -> AsyncIterator[Ends]:
    near, far = socket.socketpair()
    ends = Ends(far)
    with near, far:
        await asyncio.get_running_loop().create_unix_connection(lambda: ends.channel, sock=near)
        try:
            yield ends
        finally:
            ends.channel.listen(None)
            ends.channel.close()
            await asyncio.sleep(0)


async def test_frames_are_received_one_by_one_in_whatever_pieces_they_come(ends: Ends) -> None:
    sent = frame(b'{"a":1}') + frame(b'{"b":2}')
    for offset in range(len(sent)):
        ends.far.send(sent[offset : offset + 1])
        await asyncio.sleep(0)
    ends.far.send(sent)
    await ends.receives({"a": 1}, {"b": 2}, {"a": 1}, {"b": 2})


async def test_what_is_sent_arrives(ends: Ends) -> None:
    ends.channel.send({"task": "ä"})
    assert await asyncio.to_thread(FrameReader(ends.far).read) == '{"task":"ä"}'.encode()


@pytest.mark.parametrize(
    "sent",
    [frame(b"no JSON"), frame(b"[]"), HEADER.pack(BYTES_MAX + 1), frame(b"")],
    ids=["no JSON", "no object", "too long", "nothing"],
)
async def test_a_broken_frame_closes_the_channel(ends: Ends, sent: bytes) -> None:
    """Nor is it kept in memory: a frame that says it has 4 GiB is refused by its header."""
    ends.far.send(frame(b'{"a":1}') + sent + frame(b'{"b":2}'))
    await ends.receives({"a": 1}, None)
    assert ends.channel.broken
    assert await asyncio.to_thread(FrameReader(ends.far).read) is None


async def test_a_message_without_a_listener_closes_the_channel(ends: Ends) -> None:
    """A second end frame would otherwise be taken for the end of the next job."""
    ends.channel.listen(None)
    ends.far.send(frame(b'{"a":1}'))
    assert await asyncio.to_thread(FrameReader(ends.far).read) is None
    ends.channel.listen(ends.received.append)
    await ends.receives(None)


async def test_the_end_of_the_other_side_is_reported_once(ends: Ends) -> None:
    ends.far.send(frame(b'{"a":1}')[:-1])
    ends.far.shutdown(socket.SHUT_WR)
    await ends.receives(None)
    ends.channel.close()
    await asyncio.sleep(0)
    assert ends.received == [None]
    assert not ends.channel.broken
    ends.channel.send({"a": 1})  # without effect: nobody reads it
