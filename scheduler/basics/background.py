"""Background tasks that live exactly as long as a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def background(**services: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run these beside the block, each as a task of that name; they are dead when it has ended.

    A single error comes out bare, not in a group of one, so that the caller of the block can catch
    what it raised by its name.
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
