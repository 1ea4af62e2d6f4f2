"""The use cases of looking a job up: by its id alone, and with what stands around it.

Only pages for people ask these: each is a further look at the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from scheduler.core.access.principal import Principal, Right, may
from scheduler.core.dependencies.groups import COUNTED_MAX, Group
from scheduler.core.errors import NotFound
from scheduler.core.job import Job, Status
from scheduler.core.ports.store import Store
from scheduler.service.access.rights import no_such_job, require, require_job, require_users

AHEAD_MAX: Final = 1000
"""Up to how many jobs before a job are counted."""
RERUNS_SHOWN_MAX: Final = 10
SUCCESSORS_SHOWN_MAX: Final = 100
NEIGHBOURS_SHOWN_MAX: Final = 12
"""How many predecessors, and how many successors, a job is drawn with."""


class Around(NamedTuple):
    """What stands around a job."""

    ahead: int | None
    """How many jobs of its user are to begin before it; more than `AHEAD_MAX` are counted as one
    more. None where it does not wait for a worker."""
    reruns: Sequence[str]
    """The newest ids of its re-runs."""
    before: Sequence[Job] = ()
    """Outlines of the first jobs that it comes after."""
    behind: Sequence[Job] = ()
    """Outlines of the first jobs that come after it."""
    behind_more: bool = False
    """Whether there are further ones."""


class Lookup:
    """Looks jobs up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, by: Principal, job_id: str) -> Job:
        """The outline of a job of any user.

        Raises:
            NotFound: there is none, or somebody may not read it: which one, nobody is told.
        """
        require(by, Right.READ)
        for job in await self._store.outlines([job_id]):
            if may(by, Right.READ, job.uid):
                return job
        raise NotFound(f"there is no job {job_id!r}")

    async def around(self, by: Principal, uid: str, job_id: str) -> Around:
        """What stands around a user's job.

        Raises:
            NotFound: no such job, or another user's.
        """
        require_job(by, Right.READ, uid, job_id)
        for job in await self._store.outlines([job_id]):
            if job.uid == uid:
                return await self._around(job)
        raise no_such_job(uid, job_id)

    async def _around(self, job: Job) -> Around:
        shown_max = NEIGHBOURS_SHOWN_MAX
        behind = await self._successors(job, limit=shown_max + 1)
        before = await self._before(job, limit=shown_max)
        found = {each.id: each for each in await self._outlines([*before, *behind[:shown_max]])}
        return Around(
            await self._store.ahead(job.id, uid=job.uid, count_max=AHEAD_MAX + 1),
            await self._store.reruns(job.id, uid=job.uid, limit=RERUNS_SHOWN_MAX),
            [found[each] for each in before if each in found],
            [found[each] for each in behind[:shown_max] if each in found],
            len(behind) > shown_max,
        )

    async def _before(self, job: Job, *, limit: int) -> Sequence[str]:
        """Some of the jobs that it comes after: of many, those first for which it still waits."""
        ids = () if job.after is None else job.after.ids
        if len(ids) <= limit or job.status is not Status.QUEUED:
            return ids[:limit]
        awaited = await self._store.dependencies.open_predecessors(job.id, limit=limit)
        return [*awaited, *(each for each in ids if each not in awaited)][:limit]

    async def with_successors(self, job: Job) -> Job:
        """A job, with the first of those that wait, or waited, for it; most have none."""
        if not job.awaited:
            return job
        return replace(
            job, successors=tuple(await self._successors(job, limit=SUCCESSORS_SHOWN_MAX))
        )

    async def group(self, by: Principal, uid: str, name: str) -> Group:
        """How many jobs of a user's group have each status; none for an unknown one.

        Raises:
            Forbidden: somebody may not read the jobs of this user.
        """
        require_users(by, Right.READ, [uid])
        count = self._store.dependencies.group_counts
        return Group(uid, name, await count(uid, name, count_max=COUNTED_MAX))

    async def _successors(self, job: Job, *, limit: int) -> Sequence[str]:
        if not job.awaited:
            return ()
        return await self._store.dependencies.successors(job.id, uid=job.uid, limit=limit)

    async def _outlines(self, job_ids: Sequence[str]) -> Sequence[Job]:
        return await self._store.outlines(job_ids) if job_ids else ()
