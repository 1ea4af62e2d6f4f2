"""SIGTERM in a pool process; here it is sent to the process of the tests."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from scheduler import JobAborted
from scheduler.processes.child.abort_signal import AbortSignal


@pytest.fixture
def abort_signal() -> Iterator[AbortSignal]:
    before, hook = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    abort_signal = AbortSignal()
    abort_signal.install()
    yield abort_signal
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, before)
    sys.unraisablehook = hook


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


def test_a_running_handler_is_interrupted_where_it_is(abort_signal: AbortSignal) -> None:
    """So its own `finally` and `with` blocks run."""

    def handler() -> None:
        terminate()
        pytest.fail("the handler went on")

    with pytest.raises(JobAborted), abort_signal.raising():
        handler()


def test_a_signal_that_came_before_interrupts_the_handler_at_its_begin(
    abort_signal: AbortSignal,
) -> None:
    """The abort of a job may arrive before its handler begins."""
    terminate()
    with pytest.raises(JobAborted), abort_signal.raising():
        pytest.fail("the handler began")


def test_without_a_running_handler_the_signal_is_only_remembered(abort_signal: AbortSignal) -> None:
    """An exception between two jobs would end the process, perhaps in the middle of a frame."""
    terminate()
    with abort_signal.deferred():
        terminate()
    assert abort_signal.received


def test_a_frame_is_completed_before_the_signal_interrupts(abort_signal: AbortSignal) -> None:
    """The node takes half a frame for the death of the process."""
    written = []

    def handler() -> None:
        with abort_signal.deferred():
            terminate()
            written.append("whole")
        written.append("more")

    with pytest.raises(JobAborted), abort_signal.raising():
        handler()
    assert written == ["whole"]


def test_a_frame_written_by_another_thread_does_not_defer_the_signal(
    abort_signal: AbortSignal,
) -> None:
    """If the thread raised, it would end instead of the handler.

    And of two that overlap, the second would have found the signal deferred, and left it so.
    """

    def write(others: threading.Barrier) -> None:
        with abort_signal.deferred():
            others.wait()
            others.wait()

    others = threading.Barrier(3)
    threads = [threading.Thread(target=write, args=(others,)) for _ in range(2)]
    with abort_signal.raising():
        for thread in threads:
            thread.start()
        others.wait()
        with pytest.raises(JobAborted):
            terminate()
        others.wait()
        for thread in threads:
            thread.join()


def test_the_signal_interrupts_only_once(abort_signal: AbortSignal) -> None:
    """A second exception would break the clean-up that the first one began."""
    cleaned = []

    def handler() -> None:
        try:
            terminate()
        finally:
            terminate()
            with abort_signal.deferred():
                terminate()
            cleaned.append(True)

    with pytest.raises(JobAborted), abort_signal.raising():
        handler()
    assert cleaned


def test_an_async_handler_is_interrupted_by_a_function_of_its_own(
    abort_signal: AbortSignal,
) -> None:
    """An exception at any point would break its event loop, so its task is cancelled instead."""
    interrupted = []
    with abort_signal.raising(lambda: interrupted.append(True)):
        terminate()
        terminate()
    assert interrupted == [True]


def test_after_the_handler_the_signal_does_not_interrupt(abort_signal: AbortSignal) -> None:
    """Its result is about to be written; whether a stop still counts is the node's decision."""
    with abort_signal.raising():
        pass
    terminate()


def test_what_an_earlier_job_did_to_the_signal_is_undone(abort_signal: AbortSignal) -> None:
    """If SIGTERM stayed ignored or blocked, the next job could not clean up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    abort_signal.install()
    with pytest.raises(JobAborted), abort_signal.raising():
        os.kill(os.getpid(), signal.SIGTERM)  # to the process: it waits where it is blocked
