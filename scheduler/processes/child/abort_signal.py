"""SIGTERM in a pool process: turned into `JobAborted`, while the handler runs and only then.

    idle, reading or writing a frame     remembered: an exception there would tear a frame apart
    a plain handler runs                 JobAborted is raised wherever the main thread is
    an async handler runs                its task is cancelled

One process serves many jobs, but none after SIGTERM came, whoever sent it, so nothing needs to be
taken back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from scheduler.core.context import JobAborted


class AbortSignal:
    """The handler of SIGTERM."""

    def __init__(self) -> None:
        self.asked = False
        self._armed = False
        self._strike: Callable[[], object] = _raise

    def install(self) -> None:
        """Take SIGTERM over, also from a handler of an earlier job that changed or blocked it."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    @contextmanager
    def armed(self, strike: Callable[[], object] | None = None) -> Iterator[None]:
        """Let SIGTERM strike: raise `JobAborted`, or call `strike`; also one that came before."""
        self._strike = strike or _raise
        self._armed = True
        try:
            if self.asked:
                self._strike_once()
            yield
        finally:
            self._armed = False

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Put SIGTERM off until the end of the block, if it may strike at all.

        It strikes in the main thread: another one has nothing to put off, and must not be struck.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        was_armed, self._armed = self._armed, False
        try:
            yield
        finally:
            self._armed = was_armed
            if was_armed and self.asked:
                self._strike_once()

    def _on_sigterm(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._armed:
            self._strike_once()

    def _strike_once(self) -> None:
        """Once only: a second exception would break the clean-up that the first one set off."""
        self._armed = False
        self._strike()


def _raise() -> None:
    raise JobAborted
