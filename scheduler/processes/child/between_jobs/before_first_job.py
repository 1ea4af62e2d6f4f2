"""The process as it was before its first job: every job begins as that one did."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextvars import Context

from scheduler.processes.child.between_jobs.garbage import Garbage
from scheduler.processes.child.between_jobs.interpreter_state import InterpreterState
from scheduler.processes.child.between_jobs.leaks import Leaks
from scheduler.processes.child.between_jobs.process_state import ProcessState


class BeforeFirstJob:
    """What to restore after each job, and what to compare; made once all handlers are loaded."""

    def __init__(self, *, memory_bytes: int | None) -> None:
        """Record the state of this process.

        Args:
            memory_bytes: the lowest limit of a handler; None where there is none.
        """
        self._process_state = ProcessState()
        self._interpreter_state = InterpreterState()
        self._leaks = Leaks(memory_bytes=memory_bytes)
        self._garbage = Garbage()

    def context(self, environment: Mapping[bytes, str | None]) -> Context:
        """The context variables for the next job.

        Args:
            environment: variables to set for it, or to remove where None.
        """
        self._interpreter_state.set_environment(environment)
        return self._interpreter_state.context()

    def restore_interpreter(self) -> None:
        """Restore what the interpreter has only one of, and free what the job left in cycles."""
        self._interpreter_state.restore()
        self._garbage.collect()

    def restore_process(self) -> bool:
        """Restore what the kernel keeps; whether the next job finds all as the first one did."""
        return self._process_state.restore() and not self._leaks.found()

    def collect_when_idle(self, connection: socket.socket) -> None:
        """Free the rest, unless a job comes through `connection` first."""
        self._garbage.when_idle(connection)
