"""The use cases of looking a job up: by its id alone, and with what stands around it.

Only pages for people ask these: each is a further look at the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from scheduler.core.access.principal import Principal, Right, may
from scheduler.core.errors import NotFound
from scheduler.core.job import Job
from scheduler.core.ports.store import Store
from scheduler.service.access.rights import no_such_job, require, require_job

AHEAD_MAX: Final = 1000
"""Up to how many jobs before a job are counted."""
RERUNS_SHOWN_MAX: Final = 10


class Around(NamedTuple):
    """What stands around a job."""

    ahead: int | None
    """How many jobs of its user are to begin before it; more than `AHEAD_MAX` are counted as one
    more. None where it does not wait for a worker."""
    reruns: Sequence[str]
    """The newest ids of its re-runs."""


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
        if not any(job.uid == uid for job in await self._store.outlines([job_id])):
            raise no_such_job(uid, job_id)
        return Around(
            await self._store.ahead(job_id, uid=uid, count_max=AHEAD_MAX + 1),
            await self._store.reruns(job_id, uid=uid, limit=RERUNS_SHOWN_MAX),
        )
