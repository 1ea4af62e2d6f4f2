"""The drain of a node's workers: begins once, and ends the waits that must not delay it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from scheduler.basics.wait import Wait

T = TypeVar("T")


class Drain:
    """Whether the workers drain, and the waits that a drain ends."""

    def __init__(self) -> None:
        self.begun = False
        self._interrupts: set[Callable[[], object]] = set()

    def begin(self) -> None:
        """Begin the drain: no further job begins; the waits in `interrupting` and `unless` end."""
        self.begun = True
        for interrupt in tuple(self._interrupts):
            interrupt()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Call `interrupt` if the drain begins during the block."""
        self._interrupts.add(interrupt)
        try:
            yield
        finally:
            self._interrupts.discard(interrupt)

    async def unless(self, waiting: Coroutine[None, None, T]) -> T | None:
        """The result of `waiting`; None if the drain has begun or begins first."""
        if self.begun:
            waiting.close()
            return None
        with Wait() as wait, self.interrupting(wait.end):
            return await waiting
        return None
