"""Turns the node's SIGTERM into `JobAborted`, but only while the handler runs.

    it comes from elsewhere              nothing happens, nor at SIGINT and SIGHUP
    idle, reading or writing a frame     remembered: an exception there would break a frame
    a plain handler runs                 JobAborted is raised in the main thread
    its event loop is at work            JobAborted is raised by the loop's next callback
    an async handler runs                its task is cancelled
    a process that a handler forked      ends, as any process does

Service managers send the signal that stops a node to all of its processes: then jobs go on, until
the node stops them. It announces its own SIGTERM by closing its end of the channel.

A process runs many jobs, but no further one once it has received SIGTERM, whoever sent it. So
nothing has to be reset.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Self

from scheduler.core.context import JobAborted
from scheduler.processes.child.interrupted_code import end_subprocess, event_loop_at_work

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

MAIN_THREAD: Final = threading.main_thread().ident
BY_DEFAULT: Final[Mapping[signal.Signals, Any]] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
}
NUDGE: Final = signal.SIGURG
"""By this the node wakes up a main thread that slept through its SIGTERM.

The interpreter calls signal handlers between its own steps. A thread that is about to wait for a
lock when the signal comes, or that waits while another thread gets it, calls none until its wait
ends. Any further signal that has a handler interrupts the wait. Programs ignore this one by
default, in case the job replaced its process by one.
"""
STRANGERS: Final = set[int]()
"""The signals that others have sent while this job ran."""
LOOK_S: Final = 0.001
"""How often to look whether code that must not be interrupted is done."""
LOOKS: Final = "abort signal"
"""The name of the threads that do so."""


class AbortSignal:
    """Handles SIGTERM: interrupts the job's handler while that is allowed, else remembers it."""

    def __init__(self, *, announced: Callable[[], bool] = lambda: True) -> None:
        """Handle those that the node sends.

        Args:
            announced: whether the node has announced that it stops this process.
        """
        self.received = False
        """Whether any came, whoever sent it."""
        self._announced = announced
        self._stopping = False
        """Whether one came from the node."""
        self._raising = False
        self._in_handler = False
        self._handling = False
        """Whether a SIGTERM is being handled."""
        self._looking = False
        """Whether a thread looks whether the event loop is done."""
        self._interrupt: Callable[[], object] = _raise
        self._deferral = Deferral(self)
        self._forking = threading.local()

    def install(self) -> None:
        """Install the handler of SIGTERM in this process, but not in its forks."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(NUDGE, _wake_up)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, NUDGE})
        os.register_at_fork(
            before=self._hold_back,
            after_in_parent=self._let_through,
            after_in_child=self._reset_in_fork,
        )
        self._show_unraisable = sys.unraisablehook
        sys.unraisablehook = self._on_unraisable

    def raising(self, interrupt: Callable[[], object] | None = None) -> Self:
        """Let SIGTERM raise `JobAborted` in the block, or call `interrupt` instead.

        A SIGTERM that came before takes effect at once.
        """
        self._interrupt = interrupt or _raise
        return self

    def __enter__(self) -> None:
        self._raising = self._in_handler = True
        try:
            if self._stopping:
                self.interrupt_once()
        except JobAborted:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self._raising = self._in_handler = False
        self._interrupt = _raise  # what it was may hold on to the frames of the job

    def deferred(self) -> Deferral:
        """A block that defers SIGTERM to its end, if it may interrupt at all."""
        return self._deferral

    def defer(self) -> bool:
        """Interrupt no longer; whether that was allowed so far."""
        was_raising, self._raising = self._raising, False
        return was_raising

    def resume(self, *, raising: bool) -> None:
        """Interrupt again if that was allowed, at once if SIGTERM came meanwhile."""
        self._raising = raising
        if raising and self._stopping:
            self.interrupt_once()

    def _on_sigterm(self, _signal: int, frame: FrameType | None) -> None:
        self.received = True
        self._stopping = self._stopping or self._announced()
        if not self._stopping:
            STRANGERS.add(signal.SIGTERM)
        if self._stopping and self._raising and self._in_handler and not self._handling:
            self._handling = True  # it may come again meanwhile
            try:
                self._interrupt_at(frame)
            finally:
                self._handling = False

    def _interrupt_at(self, frame: FrameType | None) -> None:
        end_subprocess(frame)
        loop = event_loop_at_work(frame) if self._interrupt is _raise else None
        if loop is None:
            self.interrupt_once()
            return
        loop.call_soon_threadsafe(self._interrupt_if_due)
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._look_again, name=LOOKS).start()

    def _interrupt_if_due(self) -> None:
        if self._raising:
            self.interrupt_once()

    def _look_again(self) -> None:
        """Signal until the handler is interrupted: its loop may run no further callback."""
        while self._raising:
            time.sleep(LOOK_S)
            os.kill(os.getpid(), signal.SIGTERM)
        self._looking = False

    def _on_unraisable(self, error: UnraisableHookArgs) -> None:
        """Interrupt again where the exception hit a `__del__`, a callback of C code or the like.

        The interpreter drops what is raised there. Not at once: this is such a place itself.
        """
        if isinstance(error.exc_value, JobAborted):
            hook = sys._getframe()  # noqa: SLF001
            threading.Thread(target=self._interrupt_again, args=(hook,), name=LOOKS).start()
        else:
            self._show_unraisable(error)

    def _interrupt_again(self, hook: FrameType) -> None:
        """Interrupt the main thread once it has left the frame of the hook."""
        frame: FrameType | None = hook
        while frame is not None:
            time.sleep(LOOK_S)
            frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
            while frame not in {None, hook}:
                frame = frame and frame.f_back
        self._raising = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _hold_back(self) -> None:
        """Block these signals while a fork is made: what a child gets before the reset is lost."""
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, BY_DEFAULT)

    def _let_through(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _reset_in_fork(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._let_through()

    def interrupt_once(self) -> None:
        """Interrupt once only: a second exception would break the clean-up that the first began."""
        self._raising = False
        self._interrupt()


class Deferral:
    """A block in which SIGTERM is deferred; a signal handler of the job may open one within it.

    SIGTERM interrupts the main thread: another one has nothing to defer, and must not raise.
    """

    def __init__(self, abort_signal: AbortSignal) -> None:
        self._abort_signal = abort_signal
        self._were_raising: list[bool] = []

    def __enter__(self) -> None:
        if get_ident() == MAIN_THREAD:
            self._were_raising.append(self._abort_signal.defer())

    def __exit__(self, *_: object) -> None:
        if get_ident() == MAIN_THREAD:
            self._abort_signal.resume(raising=self._were_raising.pop())


def ignore_strangers() -> None:
    """Pass over the signals by which others stop a service, in this process but not in programs.

    Not by SIG_IGN, which the programs that a job starts would inherit.
    """
    for signal_ in BY_DEFAULT:
        signal.signal(signal_, pass_over)


def heed_strangers() -> None:
    """Undo that, in a process that a job forks."""
    for signal_, default in BY_DEFAULT.items():
        if signal.getsignal(signal_) is pass_over:
            signal.signal(signal_, default)


def pass_over(signal_: int, _frame: FrameType | None) -> None:
    """Handle a signal by taking note of it."""
    STRANGERS.add(signal_)


def _wake_up(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: the handlers of all signals that came have run by now."""


def _raise() -> None:
    raise JobAborted
