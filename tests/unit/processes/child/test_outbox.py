"""What a pool process sends to its node, over a real pair of sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from scheduler.processes.child.abort_signal import AbortSignal
from scheduler.processes.child.frames import HEADER
from scheduler.processes.child.outbox import JobOutbox, Outbox

THREADS, FRAMES = 4, 20
LARGE = "x" * 500_000
"""More than the kernel takes at once, so a frame is written in parts."""

Pair = tuple[Outbox, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The outbox, and the node's end of its socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Outbox(ours, AbortSignal()), theirs


def frames(theirs: socket.socket, number: int) -> list[dict[str, object]]:
    with theirs.makefile("rb") as file:
        return [
            json.loads(file.read(HEADER.unpack(file.read(HEADER.size))[0])) for _ in range(number)
        ]


def test_frames_of_several_threads_do_not_mix(pair: Pair) -> None:
    """The node takes a broken frame for the death of the process."""
    outbox, theirs = pair

    def send(name: int) -> None:
        for number in range(FRAMES):
            with outbox:
                outbox.send({"name": name, "number": number, "text": LARGE})

    threads = [threading.Thread(target=send, args=(name,)) for name in range(THREADS)]
    for thread in threads:
        thread.start()
    received = frames(theirs, THREADS * FRAMES)
    for thread in threads:
        thread.join()
    for name in range(THREADS):
        assert [each["number"] for each in received if each["name"] == name] == list(range(FRAMES))


def test_a_signal_handler_may_send_while_its_thread_sends(pair: Pair) -> None:
    """A job that reports its progress from a timer signal must not deadlock."""
    outbox, theirs = pair
    job_outbox = JobOutbox(outbox, key="k")
    before = signal.signal(signal.SIGUSR1, lambda *_: job_outbox.send({"notify": "a signal"}))
    try:
        with outbox:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert frames(theirs, 1) == [{"notify": "a signal", "key": "k"}]


def test_a_message_sent_during_a_frame_follows_that_frame(pair: Pair) -> None:
    """With a slow reader, signals arrive while a large frame is being written."""
    outbox, theirs = pair
    job_outbox, received = JobOutbox(outbox, key="k"), list[dict[str, object]]()
    sent = threading.Event()

    def send(*_: object) -> None:
        job_outbox.send({"notify": "a signal"})
        sent.set()

    def read() -> None:
        sent.wait()
        received.extend(frames(theirs, 2))

    reader = threading.Thread(target=read)
    before = signal.signal(signal.SIGALRM, send)
    try:
        reader.start()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        job_outbox.send({"notify": LARGE})
    finally:
        signal.signal(signal.SIGALRM, before)
    reader.join()
    assert received == [{"notify": LARGE, "key": "k"}, {"notify": "a signal", "key": "k"}]


def test_after_its_end_frame_a_job_sends_nothing(pair: Pair) -> None:
    """A thread that it left behind would send as the next job, and call that job's hook."""
    outbox, theirs = pair
    job_outbox = JobOutbox(outbox, key="k")
    job_outbox.send({"progress": 1})
    job_outbox.send({"progress": 2})
    job_outbox.close({"returned": "null"})
    job_outbox.send({"notify": "late"})
    job_outbox.send({"progress": 3})
    JobOutbox(outbox, key="l").close({"returned": "1"})
    assert frames(theirs, 3) == [
        {"progress": 1, "key": "k"},
        {"returned": "null", "progress": 2, "key": "k"},
        {"returned": "1", "progress": None, "key": "l"},
    ]


@pytest.mark.parametrize(
    ("value", "received"), [("a\ud800b", "a?b"), (2**70, 2**70)], ids=["surrogate", "long integer"]
)
def test_what_the_fast_encoder_refuses_is_sent(pair: Pair, value: object, received: object) -> None:
    """The message of an exception may hold any text, and an option of a handler any number."""
    outbox, theirs = pair
    with outbox:
        outbox.send({"text": value})
    assert frames(theirs, 1) == [{"text": received}]
