"""Jobs as they are answered: with what each of them waits for, also where that is not stored."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from scheduler.api.state import LOOKUP, PAUSES, PLACES, QUOTAS
from scheduler.core.job import Job
from scheduler.service.documents import Document, job_document


async def told(request: web.Request, job: Job) -> Document:
    """All about one job.

    Raises:
        StoreUnavailable: what it waits for, or what comes after it, is unknown.
    """
    (found,) = await explained(request, [job])
    return job_document(await request.app[LOOKUP].with_successors(found))


async def explained(request: web.Request, jobs: Sequence[Job]) -> Sequence[Job]:
    """Jobs with what each of them waits for now; raises as `told`."""
    found = await request.app[QUOTAS].explained(jobs)
    found = await request.app[PLACES].explained(found)
    return [request.app[PAUSES].told(job) for job in found]


async def submitted(request: web.Request, jobs: Sequence[Job]) -> Sequence[Document]:
    """New jobs, with what each of them waits for, but for a quota.

    These are stored, whatever becomes of the store: so nothing is raised.
    """
    if any(job.needs for job in jobs):
        jobs = await request.app[PLACES].explained(jobs)
    return [job_document(request.app[PAUSES].told(job)) for job in jobs]
