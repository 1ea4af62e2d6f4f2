"""Calling a job's hook: what a handler tells with `job.notify` is POSTed to the URL of its job."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
import structlog

from scheduler.policy import backoff_s

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from scheduler.job import Claim
    from scheduler.ports import Clock

log = structlog.get_logger()

CALL_S: Final = 10.0
"""How long a hook may take to answer."""
TRIES_MAX: Final = 5
"""How often a hook is called that fails or does not answer with 2xx."""
WAITING_MAX: Final = 1000
"""How many notifications may wait at a time; more are dropped, and that is logged."""


LAST_CALLS_S: Final = 5.0
"""How long a node that ends still waits for its hooks."""


@asynccontextmanager
async def open_hooks(*, clock: Clock, random: Random) -> AsyncIterator[Hooks]:
    """Calls hooks for as long as the block runs, and a little longer for those that wait."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        hooks = Hooks(session=session, group=group, clock=clock, random=random)
        yield hooks
        await hooks.finish()


class Hooks:
    """Calls hooks, beside the jobs and without delaying them."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        group: asyncio.TaskGroup,
        clock: Clock,
        random: Random,
    ) -> None:
        self._session = session
        self._group = group
        self._clock = clock
        self._random = random
        self._calls: set[asyncio.Task[None]] = set()

    def notify(self, claim: Claim, payload: object) -> None:
        """Have the payload delivered to the job's hook; returns at once."""
        if claim.hook is None:
            return
        if len(self._calls) >= WAITING_MAX:
            log.error("a notification is dropped: too many wait", job=claim.id)
            return
        call = self._group.create_task(self._deliver(claim.id, claim.hook, payload))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def finish(self) -> None:
        """Wait a little for what is on its way, and give the rest up."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=LAST_CALLS_S)
        for call in self._calls:
            call.cancel()

    async def _deliver(self, job_id: str, hook: str, payload: object) -> None:
        for failures in range(1, TRIES_MAX + 1):
            if await self._call(job_id, hook, payload):
                return
            await self._clock.sleep(backoff_s(failures, random=self._random))
        log.error("a notification is dropped: its hook does not take it", job=job_id)

    async def _call(self, job_id: str, hook: str, payload: object) -> bool:
        try:
            async with self._session.post(
                hook, json=payload, timeout=aiohttp.ClientTimeout(CALL_S), allow_redirects=False
            ) as answer:
                return answer.ok
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("a hook could not be called", job=job_id, error=str(error))
            return False
