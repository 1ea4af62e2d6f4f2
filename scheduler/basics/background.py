"""Background tasks that live exactly as long as a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def background(**services: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run each coroutine as a task of that name while the block runs; all end with the block.

    A single error is raised bare, not in a group of one, so that the caller of the block can catch
    it by its class.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run, name=name) for name, run in services.items()]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) > 1:
            raise
        [error] = errors.exceptions
        raise error from error.__cause__
