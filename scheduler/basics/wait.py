"""A wait that another task may end early: like `asyncio.timeout`, but without a timer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Wait:
    """A block that the running task leaves, at the await where it waits, when `end` is called."""

    __slots__ = ("_cancelling", "_ended", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._ended = False

    def end(self) -> None:
        """End the block. No effect before the block began, after it ended, or a second time.

        No effect either when the block's own task calls it: that task is not waiting.
        """
        task = self._task
        if task is not None and task is not asyncio.current_task() and not self._ended:
            self._ended = True
            task.cancel()

    def __enter__(self) -> Self:
        self._task = task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can wait
        self._cancelling = task.cancelling()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        """Swallow the cancellation that `end` requested; any other one passes."""
        task, self._task = self._task, None
        if not self._ended or task is None:
            return False
        return task.uncancel() <= self._cancelling and kind is asyncio.CancelledError
