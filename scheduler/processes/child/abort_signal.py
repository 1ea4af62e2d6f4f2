"""Turns SIGTERM into `JobAborted`, but only while the handler runs.

    idle, reading or writing a frame     remembered: an exception there would break a frame
    a plain handler runs                 JobAborted is raised in the main thread
    an async handler runs                its task is cancelled

A process runs many jobs, but no further one once it has received SIGTERM, whoever sent it. So
nothing has to be reset.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from scheduler.core.context import JobAborted


class AbortSignal:
    """Handles SIGTERM: interrupts the job's handler while that is allowed, else remembers it."""

    def __init__(self) -> None:
        self.received = False
        self._raising = False
        self._interrupt: Callable[[], object] = _raise

    def install(self) -> None:
        """Install the handler of SIGTERM, even where an earlier job replaced or blocked it."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    @contextmanager
    def raising(self, interrupt: Callable[[], object] | None = None) -> Iterator[None]:
        """Let SIGTERM raise `JobAborted` in the block, or call `interrupt` instead.

        A SIGTERM that came before takes effect at once.
        """
        self._interrupt = interrupt or _raise
        self._raising = True
        try:
            if self.received:
                self._interrupt_once()
            yield
        finally:
            self._raising = False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Defer SIGTERM to the end of the block, if it may interrupt at all.

        It interrupts the main thread: another thread has nothing to defer, and must not raise.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        was_raising, self._raising = self._raising, False
        try:
            yield
        finally:
            self._raising = was_raising
            if was_raising and self.received:
                self._interrupt_once()

    def _on_sigterm(self, _signal: int, _frame: FrameType | None) -> None:
        self.received = True
        if self._raising:
            self._interrupt_once()

    def _interrupt_once(self) -> None:
        """Interrupt once only: a second exception would break the clean-up that the first began."""
        self._raising = False
        self._interrupt()


def _raise() -> None:
    raise JobAborted
