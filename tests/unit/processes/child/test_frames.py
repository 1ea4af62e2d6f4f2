"""How a pool process receives frames, over a real pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from scheduler.processes.child.frames import HEADER, FrameReader, frame

Pair = tuple[FrameReader, socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A reader, its socket and the node's end of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield FrameReader(ours), ours, theirs


@pytest.mark.parametrize("cut", range(2 * HEADER.size + 5))
def test_frames_are_received_in_whatever_pieces_they_come(pair: Pair, cut: int) -> None:
    """The kernel may cut them anywhere, also in the length of the next one."""
    reader, _, theirs = pair
    sent = frame(b"one") + frame(b"two") + frame(b"three")
    theirs.sendall(sent[: len(frame(b"one")) + cut])
    assert reader.read() == b"one"
    theirs.sendall(sent[len(frame(b"one")) + cut :])
    assert [reader.read(), reader.read()] == [b"two", b"three"]


def test_of_the_next_frame_only_the_length_is_taken(pair: Pair) -> None:
    """A job could find the rest in its memory: the data of another user, and the key of his job."""
    reader, ours, theirs = pair
    theirs.sendall(frame(b"one") + frame(b"two"))
    reader.read()
    assert ours.recv(100) == b"two"


@pytest.mark.parametrize("cut", range(len(frame(b"two"))))
def test_a_frame_that_is_not_complete_is_none(pair: Pair, cut: int) -> None:
    """The node died while it sent it."""
    reader, _, theirs = pair
    theirs.sendall(frame(b"one") + frame(b"two")[:cut])
    theirs.shutdown(socket.SHUT_WR)
    assert [reader.read(), reader.read()] == [b"one", None]
