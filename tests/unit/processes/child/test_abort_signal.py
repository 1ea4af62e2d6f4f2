"""SIGTERM in a pool process; here it is sent to the process of the tests."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import repeat

import pytest

from scheduler import JobAborted
from scheduler.processes.child.abort_signal import LOOKS, AbortSignal


@pytest.fixture
def abort_signal() -> Iterator[AbortSignal]:
    before, hook = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    abort_signal = AbortSignal()
    abort_signal.install()
    yield abort_signal
    _join_looks()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, before)
    sys.unraisablehook = hook


def _join_looks() -> None:
    """Wait for the threads that may send SIGTERM: it ends the tests where nothing handles it."""
    for thread in threading.enumerate():
        if thread.name == LOOKS:
            thread.join()


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


async def _switching() -> None:
    for _ in repeat(None):
        await asyncio.sleep(0)


async def _together() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_switching(), name="switching")
        group.create_task(asyncio.sleep(3600), name="sleeping")


@pytest.mark.usefixtures("abort_signal")
def test_an_event_loop_of_a_plain_handler_loses_no_callback() -> None:
    """A task whose callback is lost never ends, and `asyncio.run` waits for all of them.

    The clock is the processor's, so that most signals hit the loop while it is not waiting.
    """
    before = signal.getsignal(signal.SIGVTALRM)
    gc.disable()  # finalizers are another matter
    try:
        for _ in range(200):
            abort_signal = AbortSignal()
            for each in (signal.SIGTERM, signal.SIGVTALRM):
                signal.signal(each, abort_signal._on_sigterm)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
            with pytest.raises(JobAborted), abort_signal.raising():
                asyncio.run(_together())
            _join_looks()
    finally:
        signal.signal(signal.SIGVTALRM, before)
        gc.enable()
        gc.collect()  # asyncio logs what it finds: not in the middle of other tests


def test_what_a_stopped_loop_held_back_interrupts_the_code_after_it(
    abort_signal: AbortSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler may run its loop for a moment, again and again, and then compute for long."""

    def handler() -> None:
        loop.run_forever()
        while True:
            time.sleep(0.01)

    loop = asyncio.new_event_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda _: None)  # the loop stops before it
    loop.call_later(0.1, loop.stop)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(JobAborted), abort_signal.raising():
        handler()
    timer.join()
    loop.close()
