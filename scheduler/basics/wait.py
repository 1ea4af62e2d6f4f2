"""A wait that somebody else may end early: what `asyncio.timeout` does, without a timer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Wait:
    """A block of the running task, to be left where it waits once somebody calls `end`."""

    __slots__ = ("_cancelling", "_ended", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._ended = False

    def end(self) -> None:
        """Have the block left; without effect before it began, when it is over, or twice.

        Nor where the block itself calls it: then it does not wait, and can see for itself.
        """
        task = self._task
        if task is not None and task is not asyncio.current_task() and not self._ended:
            self._ended = True
            task.cancel()

    def __enter__(self) -> Self:
        self._task = task = asyncio.current_task()
        assert task is not None  # noqa: S101 - who waits is a task
        self._cancelling = task.cancelling()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        """Take the cancellation that `end` asked for, and let any other one pass."""
        task, self._task = self._task, None
        if not self._ended or task is None:
            return False
        return task.uncancel() <= self._cancelling and kind is asyncio.CancelledError
