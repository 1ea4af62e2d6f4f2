"""The sweeper: recovers the jobs of dead nodes and lost ids, and deletes old jobs.

It runs on every node, every second, or less often for what is not urgent: an idle node must cost
next to nothing. Each step is guarded, so any number of nodes may do it at the same time.

    dead nodes    a node whose beat did not change for lease_s is removed; its jobs are released
    clean-ups     those that failed wait for a worker again once their next try is due
    lost ids      after the queue's server was emptied, one node enqueues all waiting ids again; the
                  oldest waiting ids are checked regularly
    old jobs      deleted in small steps once they have been final for the retention time
    old records   of the audit log, in the same way

What is old is said by the store's clock: that of one node may be wrong, and would delete what is
to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, NamedTuple

import structlog

from scheduler.core.change import GAP, changed
from scheduler.core.errors import StoreUnavailable, Unavailable
from scheduler.core.job import Job, Node, WaitingJob
from scheduler.core.places.labels import ANYWHERE, LANES_SEEN_MAX
from scheduler.core.policy import stall_s, waiting_cleanup
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Released, Store
from scheduler.core.quotas.reserve import Reserve
from scheduler.telemetry.job_events import JobEvents

log = structlog.get_logger()

SWEEP_EVERY_S: Final = 1.0
"""With lease_s it limits the recovery of a dead node's jobs: the last beat may be seen one sweep
late, and the silence one sweep late, so within lease_s + 2 s."""
RELEASE_EVERY_S: Final = 10.0
"""How often to look for jobs without an owner where no node came or went. Only a node that goes
leaves such jobs; this look is for cases that were not foreseen."""
LOST_IDS_LOOK_S: Final = 2.0
"""How often ids that wait are looked for in the queue: an idle worker asks the store as well."""
LOOK_AFTER_USERS_MAX: Final = 100
"""How many users are looked after at a time: the oldest waiting id of each is looked for."""
LOOK_AFTER_MAX: Final = 100
"""How many more of a user are looked for whose oldest is missing; and how many clean-ups."""
ENQUEUE_MAX: Final = 1000
"""How many ids are enqueued at a time when all waiting ids have to be."""
DELETE_MAX: Final = 500
"""How many old jobs are deleted at a time: few, so that other writes are not delayed."""
DELETE_BYTES_MAX: Final = 16 * 1024 * 1024
"""And how many bytes: SQLite takes 8 ms to free a MiB, and no other write is possible meanwhile.
(500 jobs of 1 MB each took 3.8 s, longer than the renewal of a lease may wait.)"""
DELETE_PAUSE_S: Final = 10.0
"""The pause after a look that found no old jobs: compared to days of retention it is short."""


CLEANUPS_MAX: Final = 500
"""How many clean-ups are resumed at a time: after an outage of what they need, many are due."""


class Retention(NamedTuple):
    """For how long things are kept; 0 for ever."""

    finished_s: float
    """Jobs, from their end on."""
    audit_s: float
    """Records of the audit log."""


class Sweeper:
    """Recovers and deletes jobs; every node has one."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        node_id: str,
        node_name: str,
        job_events: JobEvents,
        lease_s: float,
        losses_max: int,
        retention: Retention,
        reserve: Reserve,
    ) -> None:
        """Collaborators.

        Args:
            retention: for how long old things are kept.
            reserve: is told of the nodes that are there.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._node_id = node_id
        self._node_name = node_name
        self._job_events = job_events
        self._lease_s = lease_s
        self._losses_max = losses_max
        self._retention = retention
        self._reserve = reserve
        self._beats: dict[str, tuple[int, float]] = {}
        self._own_beat: tuple[int | None, float] = None, 0.0
        """That of this node, and since when it is that."""
        self._namesakes: frozenset[str] = frozenset()
        """The nodes of the same name that were warned of."""
        self._present: frozenset[str] = frozenset()
        """The nodes that were registered at the last release of jobs without an owner."""
        self._knows_the_queue = False
        """Whether this node has looked at it before: an empty queue was emptied then."""
        self._release_at = 0.0
        self._look_at = 0.0
        self._looked_after: dict[str, str] = {}
        """The last user of each lane whose ids were looked for; none after the last one of all."""
        self._looked_after_cleanup: WaitingJob | None = None
        """The last clean-up that was looked for; none after the last one of all."""
        self._looked_after_lane = ANYWHERE
        """The last lane that was looked after; none after the last one of all."""
        self._delete_at = 0.0
        self._delete_audit_at = 0.0

    async def run(self) -> None:
        """Sweep for ever. A step that fails because store or queue are away is repeated later."""
        while True:
            for step in (
                self.release_dead_nodes,
                self.resume_cleanups,
                self.restore_ids,
                self.delete_old_jobs,
                self.delete_old_audit,
            ):
                with suppress(Unavailable):
                    await step()
            await self._clock.sleep(SWEEP_EVERY_S)

    async def release_dead_nodes(self) -> None:
        """Remove silent nodes from the store, and release the jobs of nodes that are gone."""
        nodes = await self._nodes()
        self._warn_of_namesakes(nodes)
        silent = self._silent(nodes)
        for node in silent:
            if await self._store.bury(node.id, beat=node.beat):
                log.warning("a node is presumed dead", silent_node=node.name)
                self._queue.announce([GAP])  # it may not have announced its last changes
        present = frozenset(node.id for node in nodes) | {self._node_id}
        if silent or present != self._present or self._clock.monotonic() >= self._release_at:
            await self._release(present)
            self._present = present
            self._release_at = self._clock.monotonic() + RELEASE_EVERY_S

    async def resume_cleanups(self) -> None:
        """Enqueue the clean-ups whose next try is due."""
        due = await self._store.resume_cleanups(limit=CLEANUPS_MAX)
        if due:
            cleanups = [waiting_cleanup(each.id, each.lane) for each in due]
            await self._queue.enqueue(cleanups, ahead=True)

    async def restore_ids(self) -> None:
        """Enqueue the waiting jobs that are, or may be, missing in the queue."""
        if await self._queue.forgetful():
            await self._enqueue_all()
        self._knows_the_queue = True
        if self._clock.monotonic() >= self._look_at:
            await self._restore_lost_ids()

    async def delete_old_jobs(self) -> None:
        """Delete some of the jobs that have been final for long enough."""
        if self._retention.finished_s > 0 and self._clock.monotonic() >= self._delete_at:
            before = await self._store.time_of_day() - timedelta(seconds=self._retention.finished_s)
            deleted = await self._store.delete_finished(
                before=before, limit=DELETE_MAX, bytes_max=DELETE_BYTES_MAX
            )
            self._delete_at = self._clock.monotonic() + (0 if deleted else DELETE_PAUSE_S)

    async def delete_old_audit(self) -> None:
        """Delete some of the records of the audit log that have been kept for long enough."""
        if self._retention.audit_s > 0 and self._clock.monotonic() >= self._delete_audit_at:
            before = await self._store.time_of_day() - timedelta(seconds=self._retention.audit_s)
            deleted = await self._store.audit.delete(before=before, limit=DELETE_MAX)
            self._delete_audit_at = self._clock.monotonic() + (0 if deleted else DELETE_PAUSE_S)

    async def _release(self, present: frozenset[str]) -> None:
        """Release the jobs of nodes that are not present, and enqueue them."""
        released = await self._store.release_orphans(
            losses_max=self._losses_max, at=self._clock.now()
        )
        to_enqueue = (job.id for job in released.to_enqueue)
        taken_back = (*to_enqueue, *released.ended, *released.left_undone)
        self._queue.announce(list(map(changed, taken_back)))
        await self._tell(released)
        await self._queue.recover(present)
        await self._queue.enqueue(released.to_enqueue, ahead=True)

    async def _tell(self, released: Released) -> None:
        """Log what became of the jobs; without their names where the store is away."""
        found: Sequence[Job] = ()
        with suppress(StoreUnavailable):
            if ids := {*released.ended, *released.left_undone}:
                found = await self._store.outlines(ids)
        self._job_events.released(released, {job.id: job for job in found})

    async def _enqueue_all(self) -> None:
        """Enqueue all waiting jobs; stop if the queue is emptied again or another node does it."""
        enqueued = 0
        async for jobs in self._store.pages_of_waiting(page=ENQUEUE_MAX):
            if not await self._queue.remind(jobs):
                return
            enqueued += len(jobs)
        await self._queue.remember()
        if enqueued or self._knows_the_queue:  # an empty queue at the first start is no event
            reason = "the queue's server was started or emptied"
            log.info("waiting jobs are enqueued anew", reason=reason, jobs=enqueued)

    async def _restore_lost_ids(self) -> None:
        """Enqueue waiting ids that are missing in the queue, of some users after the other."""
        await self._restore_lost_cleanups()
        lanes = await self._store.lanes(after=self._looked_after_lane)
        for lane in (ANYWHERE, *lanes):
            await self._restore_lost_ids_of(lane)
        self._looked_after_lane = lanes[-1] if len(lanes) >= LANES_SEEN_MAX else ANYWHERE
        self._look_at = self._clock.monotonic() + LOST_IDS_LOOK_S

    async def _restore_lost_cleanups(self) -> None:
        """Enqueue clean-ups that are missing, or not ahead of all, as all are after a flush.

        Apart, because the next job of a user is mostly another one.
        """
        waiting = await self._store.pauses.cleanups(
            after=self._looked_after_cleanup, limit=LOOK_AFTER_MAX
        )
        self._looked_after_cleanup = waiting[-1] if len(waiting) >= LOOK_AFTER_MAX else None
        cleanups = [waiting_cleanup(each.id, each.lane) for each in waiting]
        if missing := await self._queue.missing(cleanups):
            await self._queue.enqueue(missing, ahead=True)

    async def _restore_lost_ids_of(self, lane: str) -> None:
        users_max, after = LOOK_AFTER_USERS_MAX, self._looked_after.pop(lane, "")
        lines = await self._store.lines(lane=lane, after_uid=after, limit=users_max)
        # One that was stored a moment ago may be enqueued twice so: it is in its line only once.
        for head in await self._queue.missing([line.head for line in lines]):
            following = await self._store.waiting_of(head.uid, lane=lane, limit=LOOK_AFTER_MAX)
            await self._queue.enqueue(await self._queue.missing(following))
        if len(lines) == users_max:
            self._looked_after[lane] = lines[-1].head.uid

    async def _nodes(self) -> Sequence[Node]:
        """The registered nodes. What the store itself was silent for is not held against them."""
        asked = self._clock.monotonic()
        try:
            nodes = await self._store.nodes()
        except StoreUnavailable:
            # No node could renew. Once the store is back, each one has a whole lease to renew, and
            # to settle the results that it kept meanwhile.
            self._beats.clear()
            raise
        took_s = self._clock.monotonic() - asked  # seconds, where a lock or a disk held it up
        self._reserve.note(nodes)
        if not self._takes_renewals(nodes):
            self._beats.clear()  # as above
        self._beats = {id_: (beat, at + took_s) for id_, (beat, at) in self._beats.items()}
        return nodes

    def _takes_renewals(self, nodes: Iterable[Node]) -> bool:
        """Whether the store takes renewals, as far as those of this node show.

        It may answer and take no writes: a PostgreSQL that was told to, or is no primary yet.
        """
        own = next((node.beat for node in nodes if node.id == self._node_id), None)
        if own is None or own != self._own_beat[0]:
            self._own_beat = own, self._clock.monotonic()
        return self._clock.monotonic() - self._own_beat[1] < stall_s(self._lease_s)

    def _warn_of_namesakes(self, nodes: Iterable[Node]) -> None:
        """Warn once of each other node with this node's name: nobody could tell them apart.

        A predecessor that was killed is registered as well, but its beat does not grow.
        """
        same = {
            node.id
            for node in nodes
            if node.name == self._node_name and node.id != self._node_id
            if node.id in self._namesakes or self._beats.get(node.id, (node.beat,))[0] != node.beat
        }
        for node_id in same - self._namesakes:
            log.warning(
                "another node has the same name: set [node] name, or SCHEDULER_NODE__NAME, of one",
                other_node=node_id,
            )
        self._namesakes = frozenset(same)

    def _silent(self, nodes: Iterable[Node]) -> list[Node]:
        """The other nodes whose beat has not changed for a lease while this node watched."""
        now = self._clock.monotonic()
        seen = {
            node.id: self._beats[node.id]
            if self._beats.get(node.id, (None,))[0] == node.beat
            else (node.beat, now)
            for node in nodes
            if node.id != self._node_id
        }
        self._beats = seen
        return [
            node for node in nodes if node.id in seen and now - seen[node.id][1] >= self._lease_s
        ]
