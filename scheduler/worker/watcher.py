"""The abort watcher: one task for each running job, which looks whether its user aborted it.

It sleeps 0.1 s, 0.2 s, 0.4 s, … up to the longest look, and then looks at the job's flag in the
key-value store; a hint (the announcement, or the node's heartbeat) wakes it at once. Flag and hint
are only hints: what counts is the store, which also knows the grace period that was asked for.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from scheduler.errors import QueueUnavailable, StoreUnavailable
from scheduler.job import StopReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduler.ports import Queue, Store
    from scheduler.worker.attempt import Attempt


async def watch(attempt: Attempt, *, store: Store, queue: Queue, looks_s: Iterable[float]) -> None:
    """Stop the attempt once its abort is requested. Otherwise runs until it is cancelled."""
    for look_s in looks_s:
        if not await _hinted(attempt, within_s=look_s) and not await _flagged(attempt, queue):
            continue
        with suppress(StoreUnavailable):
            job = await store.get(attempt.claim.id)
            if job is not None and job.abort is not None:
                attempt.stop(StopReason.ABORT, grace_s=job.abort.grace_s)
                return


async def _hinted(attempt: Attempt, *, within_s: float) -> bool:
    """Whether a hint came in time; it is taken, so that the next one wakes again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await attempt.hinted.wait()
            attempt.hinted.clear()
            return True
    return False


async def _flagged(attempt: Attempt, queue: Queue) -> bool:
    try:
        return await queue.abort_announced(attempt.claim.id)
    except QueueUnavailable:
        return False  # the heartbeat brings what the queue cannot
