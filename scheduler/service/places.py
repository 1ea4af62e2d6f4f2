"""The use cases of places: which labels there are, and which jobs no node can take.

    the store ─ at most once a second ─▶ live nodes ─┬─▶ labels that a job may need
                                                     └─▶ `no_node`, of jobs that wait

No job is stored as one that no node can take: that is found when somebody asks, so nothing has to
be undone when a node comes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NO_NODE, HoldReason, Job, JobRequest, Node, Status
from scheduler.core.places.labels import ANYWHERE, LANES_MAX, Place, lane_of, needs
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.tasks import Tasks

NO_ROOM: Final = f"there are queued jobs with {LANES_MAX} different needs, and none with these"
LOOK_S: Final = 1.0
"""For how long the answer of a look is used."""


class PlaceService:
    """What one node knows of all nodes' places."""

    def __init__(self, *, store: Store, clock: Clock, tasks: Tasks) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._nodes: Sequence[Node] = ()
        self._look_at = 0.0

    async def labels(self) -> Collection[str]:
        """The labels that a live node has, or a handler of this node needs.

        Raises:
            StoreUnavailable: they are unknown.
        """
        await self._look(at_once=True)
        of_nodes = (label for node in self._nodes for label in node.labels)
        of_handlers = (label for options in self._tasks.values() for label in options.needs)
        return {*of_nodes, *of_handlers}

    async def without_room(self, wanted: Sequence[JobRequest]) -> Collection[int]:
        """The numbers of those of some jobs whose needs would be too many different ones.

        Each is a lane that nodes and the queue ask, be it that a job is held now. Roughly: what
        others submit at the same moment is not counted.

        Raises:
            StoreUnavailable: it is unknown what there is.
        """
        lanes = [self._lane(each) for each in wanted]
        if not any(lanes):
            return ()
        there = {*await self._store.queued_needs({*lanes} - {ANYWHERE}, limit=LANES_MAX)}
        refused = []
        for number, lane in enumerate(lanes):
            if lane and lane not in there and len(there) >= LANES_MAX:
                refused.append(number)
            elif lane:
                there.add(lane)
        return refused

    def _lane(self, job: JobRequest) -> str:
        options = self._tasks.get(job.task)
        return lane_of(needs(job.order.needs, () if options is None else options.needs))

    async def explained(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """The jobs, with the reason where some wait since no live node can take them."""
        waiting = {(job.task, job.needs) for job in jobs if _waits(job)}
        if not waiting and not any(map(_has_no_node, jobs)):
            return jobs
        with suppress(StoreUnavailable):
            await self._look()
            if not all(self._is_taken(*each) for each in waiting):
                await self._look(at_once=True)  # a node may have come since
        left = {each for each in waiting if self._nodes and not self._is_taken(*each)}
        return [
            replace(job, hold=NO_NODE._replace(missing=self._missing(job.needs)))
            if _has_no_node(job) or (_waits(job) and (job.task, job.needs) in left)
            else job
            for job in jobs
        ]

    def _missing(self, needs: Sequence[str]) -> tuple[str, ...]:
        """Those labels that no live node has."""
        there = {label for node in self._nodes for label in node.labels}
        return tuple(label for label in needs if self._nodes and label not in there)

    def _is_taken(self, task: str, needs: Collection[str]) -> bool:
        return any(
            task in node.tasks and Place(node.labels, node.only).takes(needs)
            for node in self._nodes
        )

    async def _look(self, *, at_once: bool = False) -> None:
        if at_once or self._clock.monotonic() >= self._look_at:
            self._nodes = await self._store.nodes()
            self._look_at = self._clock.monotonic() + LOOK_S


def _has_no_node(job: Job) -> bool:
    """Whether it is stored as one whose handler no live node knew."""
    return job.hold is not None and job.hold.reason == HoldReason.NO_NODE


def _waits(job: Job) -> bool:
    """Whether it may run, and waits for a worker."""
    return job.status is Status.QUEUED and job.hold is None
