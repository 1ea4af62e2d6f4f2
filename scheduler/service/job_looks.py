"""Looks at jobs in the store for all who wait for them, together.

    a wait ─┐                              ┌─▶ is it final?
    a wait ─┼─ final ─▶ one statement ─────┤
    a wait ─┘                              └─▶ is it final?

    every `LOOK_AGAIN_S`: one look at all jobs that are waited for, in case a message was lost

So thousands of waits cost as many statements as one does.
"""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final, NamedTuple

from scheduler.basics.batch import Batch
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Job, Until
from scheduler.core.job_log import LogPage
from scheduler.core.ports.store import Store

LOOK_AGAIN_S: Final = 2.0
"""How often the store is asked about all jobs that are waited for: a message may be lost."""
IDS_MAX: Final = 500
"""Of one look."""
OUTLINES_MAX: Final = 100
"""Of one look: each may have a traceback."""
OUTLINES_PAUSE_S: Final = 0.01
"""How long looks of followers wait for others, to share a statement: nobody notices."""

LOGS_MAX: Final = 500
"""Followers of one look at logs: as many as there are, so that those of one log share it."""


class LogPart(NamedTuple):
    """The rest of a job's log after an offset."""

    job_id: str
    after: int


class JobLooks:
    """Shares looks between waits; `run` must run while it is in use."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, set[Event]] = {}
        self._final = Batch(self._all_final, weight_max=IDS_MAX)
        self._outline = Batch(self._all_outlines, weight_max=OUTLINES_MAX, pause_s=OUTLINES_PAUSE_S)
        self._log = Batch(self._all_logs, weight_max=LOGS_MAX, pause_s=OUTLINES_PAUSE_S)

    async def run(self) -> None:
        """Look for ever, while there is something to look for; a background task."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._final.serve(), name="look whether jobs are final")
            group.create_task(self._outline.serve(), name="look at jobs that are followed")
            group.create_task(self._log.serve(), name="read logs that are followed")
            group.create_task(self._look_regularly(), name="look again")

    async def reached(self, job_id: str, until: Until) -> bool:
        """Whether a job is final or over, or was deleted; false where the store is away."""
        with suppress(StoreUnavailable):
            if until is Until.FINAL:
                return await self._final(job_id)
            job = await self._outline(job_id)
            return job is None or job.over
        return False

    async def outline(self, job_id: str) -> Job | None:
        """See `Store.outlines`, for one job.

        Raises:
            StoreUnavailable: the store is away.
        """
        return await self._outline(job_id)

    async def log(self, job_id: str, *, after: int) -> Sequence[LogPage]:
        """See `Store.log`: whoever follows the same log gets the same pages.

        Raises:
            StoreUnavailable: the store is away.
        """
        return await self._log(LogPart(job_id, after))

    @contextmanager
    def waiting(self, job_id: str, event: Event) -> Iterator[None]:
        """Set the event within `LOOK_AGAIN_S` after the job is final, while the block runs.

        Once it is final, the event is set at each such look: its clean-up may have ended.
        """
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            yield
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def _look_regularly(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            rest = iter(tuple(self._waiting))
            while ids := list(islice(rest, IDS_MAX)):
                with suppress(StoreUnavailable):
                    for job_id in await self._store.final(ids):
                        self._wake(job_id)

    def _wake(self, job_id: str) -> None:
        for event in self._waiting.get(job_id, ()):
            event.set()

    async def _all_final(self, job_ids: Sequence[str]) -> Sequence[bool]:
        final = await self._store.final(set(job_ids))
        return [each in final for each in job_ids]

    async def _all_outlines(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        found = {job.id: job for job in await self._store.outlines(set(job_ids))}
        return [found.get(each) for each in job_ids]

    async def _all_logs(self, parts: Sequence[LogPart]) -> Sequence[Sequence[LogPage]]:
        found = {
            part: await self._store.log(part.job_id, after=part.after)
            for part in dict.fromkeys(parts)
        }
        return [found[part] for part in parts]
