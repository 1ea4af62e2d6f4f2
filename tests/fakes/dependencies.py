"""A `DependencyStore` in a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from scheduler.core.dependencies.declaration import AfterIf
from scheduler.core.dependencies.resolving import (
    AbortedJob,
    Edge,
    EndedPredecessor,
    GroupCount,
    Resolved,
)
from scheduler.core.errors import NoSuchPredecessors
from scheduler.core.job import NOTHING_RAN, Abort, Hold, HoldReason, Job, NewJob, Status
from scheduler.core.policy import waiting_job
from tests.fakes.rows import Row


class MemoryDependencies:
    """What waits for other jobs, with the rows of a `MemoryStore`."""

    def __init__(
        self,
        answer: Callable[[], None],
        *,
        rows: Mapping[str, Row],
        now: Callable[[], datetime],
        due: asyncio.Event,
    ) -> None:
        self._answer = answer
        self._rows = rows
        self._now = now
        self._due = due
        self.open: dict[Edge, None] = {}
        self.edges: dict[Edge, None] = {}

    def must_be_there(self, jobs: Sequence[NewJob]) -> None:
        """Refuse jobs that wait for what is not there."""
        new = {(each.id, each.uid) for each in jobs}
        there = new | {(row.job.id, row.job.uid) for row in self._rows.values()}
        missing = {edge.parent for each in jobs for edge in _edges(each)} - {
            edge.parent
            for each in jobs
            for edge in _edges(each)
            if (edge.parent, each.uid) in there
        }
        if missing:
            raise NoSuchPredecessors(frozenset(missing))

    def store(self, jobs: Sequence[NewJob]) -> None:
        """Store the edges to new jobs."""
        for edge in (edge for each in jobs for edge in _edges(each)):
            self.edges[edge] = self.open[edge] = None
            self._rows[edge.parent].change(awaited=True)

    def note_ends(self) -> None:
        """Tell the promoter where there is something to resolve."""
        if self._ended():
            self._due.set()

    def keeps(self, job_id: str) -> bool:
        """Whether a job is kept because one that comes after it has not ended."""
        children = (edge.child for edge in self.edges if edge.parent == job_id)
        return any(
            child in self._rows and self._rows[child].job.finished_at is None for child in children
        ) or any(edge.parent == job_id for edge in self.open)

    def forget(self, job_id: str) -> None:
        """Forget the edges of a job that is deleted."""
        for edges in (self.edges, self.open):
            for edge in [edge for edge in edges if job_id in edge]:
                del edges[edge]

    @property
    def due_now(self) -> bool:
        """Whether there is something to resolve."""
        return bool(self._ended())

    def _ended(self) -> list[Edge]:
        return [edge for edge in self.open if self._rows[edge.parent].job.over]

    async def resolve(self, *, limit: int) -> Resolved:
        self._answer()
        closed = self._ended()[:limit]
        for edge in closed:
            del self.open[edge]
        freed, timed, aborted = list[Job](), list[Job](), list[AbortedJob]()
        for child in dict.fromkeys(edge.child for edge in closed):
            row = self._rows[child]
            if row.job.hold is None or row.job.hold.reason != HoldReason.AFTER:
                continue
            if (why := self._why(row.job, closed)) is not None:
                self._abort(row, why)
                aborted.append(AbortedJob(child, row.job.uid, row.job.task, why))
            elif not any(edge.child == child for edge in self.open):
                self._free(row)
                (freed if row.job.hold is None else timed).append(row.job)
        return Resolved(
            [waiting_job(job) for job in freed],
            [waiting_job(job) for job in timed],
            aborted,
            len(closed),
        )

    def _why(self, job: Job, closed: Sequence[Edge]) -> str | None:
        """Why the job is to be aborted, if it is."""
        parents = (self._rows[edge.parent].job for edge in closed if edge.child == job.id)
        reasons = [
            f"predecessor {parent.id} {parent.status}"
            for parent in parents
            if parent.status is not Status.SUCCESSFUL
        ]
        succeeds = job.after is not None and job.after.condition is AfterIf.SUCCESS
        return min(reasons) if reasons and succeeds else None

    def _abort(self, row: Row, why: str) -> None:
        row.change(abort=Abort(requested_at=self._now(), reason=why), revision=row.job.revision + 1)
        row.finish_abort(at=self._now(), death=NOTHING_RAN)

    def _free(self, row: Row) -> None:
        now, run_at = self._now(), row.job.run_at
        later = run_at is not None and run_at > now
        row.change(
            hold=Hold(HoldReason.RUN_AT, run_at) if later else None,
            eligible_at=None if later else now,
            revision=row.job.revision + 1,
        )

    async def ended_predecessors(
        self, sets: Sequence[Collection[str]], *, chars_max: int
    ) -> Sequence[Sequence[EndedPredecessor]]:
        self._answer()
        return [self._ended_of(ids, chars_max) for ids in sets]

    def _ended_of(self, ids: Collection[str], chars_max: int) -> Sequence[EndedPredecessor]:
        found, chars = list[EndedPredecessor](), 0
        for job_id in sorted(each for each in ids if each in self._rows):
            job = self._rows[job_id].job
            size = None if job.result is None else len(job.result)
            chars += size or 0
            result = job.result if chars <= chars_max else None
            found.append(EndedPredecessor(job.id, job.status, job.error, size, result))
        return found

    async def successors(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        self._answer()
        found = sorted(edge.child for edge in self.edges if edge.parent == job_id)
        mine = job_id in self._rows and self._rows[job_id].job.uid == uid
        return found[:limit] if mine else []

    async def open_predecessors(self, job_id: str, *, limit: int) -> Sequence[str]:
        self._answer()
        return sorted(edge.parent for edge in self.open if edge.child == job_id)[:limit]

    async def group_counts(
        self, uid: str, group: str, *, count_max: int
    ) -> Mapping[Status, GroupCount]:
        self._answer()
        jobs = [row.job for row in self._rows.values()]
        found = {}
        for status in Status:
            those = [
                job for job in jobs if (job.uid, job.group, job.status) == (uid, group, status)
            ][:count_max]
            found[status] = GroupCount(len(those), sum(job.hold is not None for job in those))
        return found


def _edges(new: NewJob) -> Sequence[Edge]:
    """The edges that a new job comes with."""
    if new.after is None or not new.waits:
        return ()
    return [Edge(parent, new.id) for parent in new.after.ids]
