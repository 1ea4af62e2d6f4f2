"""What makes up for everything that got lost: dead nodes, lost ids, old jobs.

Every second, on every node, or less often where nothing presses: an idle node is to cost next to
nothing. Each step is guarded, so that it does not matter how many do it.

    dead nodes    a beat that did not change for lease_s is buried; what it owned is released
    lost ids      a server that forgot is told all waiting ids anew, by one node; the oldest are
                  looked after
    old jobs      deleted in small steps once they were final for the retention time
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from scheduler.core.change import GAP, changed
from scheduler.core.errors import StoreUnavailable, Unavailable
from scheduler.core.job import Node
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.telemetry.job_events import JobEvents

log = structlog.get_logger()

SWEEP_EVERY_S: Final = 1.0
"""With lease_s it bounds the recovery of a dead node's jobs: seen late by one sweep, buried late by
another, so within lease_s + 2 s."""
RELEASE_EVERY_S: Final = 10.0
"""How often what nobody owns is looked for where no node came or went: only one that goes leaves
something behind, and the rest is what nobody foresaw."""
LOST_AFTER_S: Final = 5.0
"""An id that waits for longer than this is looked for in the queue: submit has long enqueued it."""
LOST_IDS_LOOK_S: Final = 2.0
"""How often it is looked for: an idle worker asks for what waits as well."""
LOOK_AFTER_MAX: Final = 100
"""How many of the oldest waiting ids are looked for at a time."""
ENQUEUE_MAX: Final = 1000
"""How many ids are enqueued at a time when the queue has to be told all."""
DELETE_MAX: Final = 500
"""How many old jobs are deleted at a time: short enough to delay nobody."""
DELETE_BYTES_MAX: Final = 16 * 1024 * 1024
"""And how much of them: SQLite takes 8 ms for each MiB that it lets go of, and nobody else writes
meanwhile. (500 jobs of 1 MB each took 3.8 s, longer than a lease may wait.)"""
REST_S: Final = 10.0
"""After a look that found no old jobs: what was kept for days is kept for so much longer."""


class Sweeper:
    """The node's share in keeping the installation whole."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        node_id: str,
        job_events: JobEvents,
        id_before: Callable[[datetime], str],
        lease_s: float,
        losses_max: int,
        retention_s: float,
    ) -> None:
        """Collaborators.

        Args:
            id_before: the smallest job id of an instant, to compare ids with.
            retention_s: for how long final jobs are kept; 0 for ever.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._node_id = node_id
        self._job_events = job_events
        self._id_before = id_before
        self._lease_s = lease_s
        self._losses_max = losses_max
        self._retention_s = retention_s
        self._beats: dict[str, tuple[int, float]] = {}
        self._present: frozenset[str] = frozenset()
        """The nodes that were there when all that nobody owned was last released."""
        self._release_at = 0.0
        self._look_at = 0.0
        self._delete_at = 0.0

    async def run(self) -> None:
        """Sweep for ever. What a store or queue does not take now is done by a later sweep."""
        while True:
            for step in (self.release_the_dead, self.restore_ids, self.delete_the_old):
                with suppress(Unavailable):
                    await step()
            await self._clock.sleep(SWEEP_EVERY_S)

    async def release_the_dead(self) -> None:
        """Bury nodes that fell silent, and give what is left of those that went to the living."""
        silent = self._silent(nodes := await self._nodes())
        for node in silent:
            if await self._store.bury(node.id, beat=node.beat):
                log.warning("a node is presumed dead", silent_node=node.name)
                self._queue.announce([GAP])  # of what it did last it may have told nobody
        present = frozenset(node.id for node in nodes) | {self._node_id}
        if silent or present != self._present or self._clock.monotonic() >= self._release_at:
            await self._release(present)
            self._present = present
            self._release_at = self._clock.monotonic() + RELEASE_EVERY_S

    async def restore_ids(self) -> None:
        """Enqueue what waits in the store and is not, or not for sure, in the queue."""
        if await self._queue.forgetful():
            await self._remind()
        if self._clock.monotonic() >= self._look_at:
            await self._restore_the_lost()

    async def delete_the_old(self) -> None:
        """Delete some of the jobs that have been final for long enough."""
        if self._retention_s > 0 and self._clock.monotonic() >= self._delete_at:
            before = self._clock.now() - timedelta(seconds=self._retention_s)
            deleted = await self._store.delete_finished(
                before=before, limit=DELETE_MAX, bytes_max=DELETE_BYTES_MAX
            )
            self._delete_at = self._clock.monotonic() + (0 if deleted else REST_S)

    async def _release(self, present: frozenset[str]) -> None:
        """Give what belongs to nodes that are not there to those that are."""
        released = await self._store.release_orphans(
            losses_max=self._losses_max, at=self._clock.now()
        )
        self._job_events.released(released.to_enqueue, released.ended)
        self._queue.announce(list(map(changed, (*released.to_enqueue, *released.ended))))
        await self._queue.recover(present)
        await self._queue.enqueue(released.to_enqueue, ahead=True)

    async def _remind(self) -> None:
        """Enqueue all that waits, unless the queue forgets again or another node does it."""
        told = 0
        async for ids in self._store.pages_of_waiting(page=ENQUEUE_MAX):
            if not await self._queue.remind(ids):
                return
            told += len(ids)
        await self._queue.remember()
        reason = "the queue's server was started or emptied"
        log.info("waiting jobs are enqueued anew", reason=reason, jobs=told)

    async def _restore_the_lost(self) -> None:
        """Enqueue those of the oldest waiting ids that are not in the queue."""
        long_ago = self._clock.now() - timedelta(seconds=LOST_AFTER_S)
        oldest = await self._store.waiting(
            before_id=self._id_before(long_ago), limit=LOOK_AFTER_MAX
        )
        await self._queue.enqueue(await self._queue.missing(oldest), ahead=True)
        self._look_at = self._clock.monotonic() + LOST_IDS_LOOK_S

    async def _nodes(self) -> Sequence[Node]:
        """The nodes that are registered."""
        try:
            return await self._store.nodes()
        except StoreUnavailable:
            # Nobody could renew: with the store back, each has a whole lease to be heard again,
            # and to settle the results that waited for it.
            self._beats.clear()
            raise

    def _silent(self, nodes: Iterable[Node]) -> list[Node]:
        """The nodes, other than this one, whose beat stood still for a lease before our eyes."""
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
