"""SIGTERM in a pool process, sent to the process of the tests."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from scheduler import JobAborted
from scheduler.processes.child.abort_signal import AbortSignal


@pytest.fixture
def abort_signal() -> Iterator[AbortSignal]:
    before = signal.getsignal(signal.SIGTERM)
    abort_signal = AbortSignal()
    abort_signal.install()
    yield abort_signal
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, before)


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


def test_a_running_handler_is_interrupted_where_it_is(abort_signal: AbortSignal) -> None:
    """So that its own `finally` and `with` blocks run."""

    def handler() -> None:
        terminate()
        pytest.fail("the handler went on")

    with pytest.raises(JobAborted), abort_signal.armed():
        handler()


def test_a_signal_that_came_first_strikes_when_the_handler_begins(
    abort_signal: AbortSignal,
) -> None:
    """The abort of a job may be faster than its start."""
    terminate()
    with pytest.raises(JobAborted), abort_signal.armed():
        pytest.fail("the handler began")


def test_a_process_that_runs_no_handler_only_remembers(abort_signal: AbortSignal) -> None:
    """An exception between two jobs would end the process, in the middle of a frame."""
    terminate()
    with abort_signal.shielded():
        terminate()
    assert abort_signal.asked


def test_a_frame_is_finished_before_the_signal_strikes(abort_signal: AbortSignal) -> None:
    """Half a frame would be taken for the death of the process."""
    written = []

    def handler() -> None:
        with abort_signal.shielded():
            terminate()
            written.append("whole")
        written.append("more")

    with pytest.raises(JobAborted), abort_signal.armed():
        handler()
    assert written == ["whole"]


def test_a_thread_that_writes_a_frame_keeps_nothing_from_the_main_one(
    abort_signal: AbortSignal,
) -> None:
    """Struck itself, it would end instead of the handler.

    And of two that overlap the second one would have found the shield up, and left it up.
    """

    def write(others: threading.Barrier) -> None:
        with abort_signal.shielded():
            others.wait()
            others.wait()

    others = threading.Barrier(3)
    threads = [threading.Thread(target=write, args=(others,)) for _ in range(2)]
    with abort_signal.armed():
        for thread in threads:
            thread.start()
        others.wait()
        with pytest.raises(JobAborted):
            terminate()
        others.wait()
        for thread in threads:
            thread.join()


def test_the_signal_strikes_once(abort_signal: AbortSignal) -> None:
    """A second exception would tear the clean-up that the first one set off."""
    cleaned = []

    def handler() -> None:
        try:
            terminate()
        finally:
            terminate()
            with abort_signal.shielded():
                terminate()
            cleaned.append(True)

    with pytest.raises(JobAborted), abort_signal.armed():
        handler()
    assert cleaned


def test_an_async_handler_is_struck_in_its_own_way(abort_signal: AbortSignal) -> None:
    """An exception out of nowhere would break its event loop; so its task is cancelled."""
    struck = []
    with abort_signal.armed(lambda: struck.append(True)):
        terminate()
        terminate()
    assert struck == [True]


def test_after_the_handler_nothing_strikes(abort_signal: AbortSignal) -> None:
    """Its result is about to be written, and a stop that comes now is the node's to decide."""
    with abort_signal.armed():
        pass
    terminate()


def test_what_an_earlier_job_did_to_the_signal_is_undone(abort_signal: AbortSignal) -> None:
    """Ignored or blocked, it would cost the next job its clean-up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    abort_signal.install()
    with pytest.raises(JobAborted), abort_signal.armed():
        os.kill(os.getpid(), signal.SIGTERM)  # to the process: it waits where it is blocked
