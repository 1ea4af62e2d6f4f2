"""What a pool process tells, over a real pair of sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from scheduler.processes.child.abort_signal import AbortSignal
from scheduler.processes.child.frames import HEADER
from scheduler.processes.child.outbox import Outbox, Report

THREADS, FRAMES = 4, 20
LARGE = "x" * 500_000
"""More than the kernel takes at once, so that a frame is written in parts."""

Pair = tuple[Outbox, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The outbox, and the node's end of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Outbox(ours, AbortSignal()), theirs


def frames(theirs: socket.socket, number: int) -> list[dict[str, object]]:
    with theirs.makefile("rb") as file:
        return [
            json.loads(file.read(HEADER.unpack(file.read(HEADER.size))[0])) for _ in range(number)
        ]


def test_frames_of_several_threads_do_not_mix(pair: Pair) -> None:
    """A torn frame would be taken for the death of the process."""
    outbox, theirs = pair

    def speak(name: int) -> None:
        for number in range(FRAMES):
            with outbox.alone():
                outbox.send({"name": name, "number": number, "text": LARGE})

    threads = [threading.Thread(target=speak, args=(name,)) for name in range(THREADS)]
    for thread in threads:
        thread.start()
    told = frames(theirs, THREADS * FRAMES)
    for thread in threads:
        thread.join()
    for name in range(THREADS):
        assert [each["number"] for each in told if each["name"] == name] == list(range(FRAMES))


def test_a_handler_of_signals_may_speak_while_its_thread_does(pair: Pair) -> None:
    """A job that says by a timer how far it is must not wait for itself."""
    outbox, theirs = pair
    report = Report(outbox)
    before = signal.signal(signal.SIGUSR1, lambda *_: report.tell({"notify": "a signal"}))
    try:
        with outbox.alone():
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert frames(theirs, 1) == [{"notify": "a signal"}]


def test_what_is_said_amid_a_frame_goes_behind_it(pair: Pair) -> None:
    """Whoever reads slowly lets signals in while a large frame is written."""
    outbox, theirs = pair
    report, told = Report(outbox), list[dict[str, object]]()
    spoke = threading.Event()

    def speak(*_: object) -> None:
        report.tell({"notify": "a signal"})
        spoke.set()

    def read() -> None:
        spoke.wait()
        told.extend(frames(theirs, 2))

    reader = threading.Thread(target=read)
    before = signal.signal(signal.SIGALRM, speak)
    try:
        reader.start()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        report.tell({"notify": LARGE})
    finally:
        signal.signal(signal.SIGALRM, before)
    reader.join()
    assert told == [{"notify": LARGE}, {"notify": "a signal"}]


def test_a_job_is_silent_once_its_end_is_told(pair: Pair) -> None:
    """What it left behind would speak in the name of the next job, and call that one's hook."""
    outbox, theirs = pair
    report = Report(outbox)
    report.tell({"progress": 1})
    report.tell({"progress": 2})
    report.close({"returned": "null"})
    report.tell({"notify": "late"})
    report.tell({"progress": 3})
    Report(outbox).close({"returned": "1"})
    assert frames(theirs, 3) == [
        {"progress": 1},
        {"returned": "null", "progress": 2},
        {"returned": "1", "progress": None},
    ]
