"""How a node's workers get their ids: through one connection, first come, first served.

    worker ─ take ─▶ waiter ┐                     ┌─▶ take.lua   one id for each waiter
    worker ─ take ─▶ waiter ┼─▶ serve: one round ─┤
    worker ─ take ─▶ waiter ┘                     └─▶ BLMOVE     if there was none: wait for one

Ids are moved to the node's in-flight list, never popped. The dequeuer knows which of them are
*held*: delivered to a worker, and not acknowledged yet. An id that is in flight but not held is a
*stray*: the server's answer was lost, its worker was cancelled as it came, or the server did not
take its acknowledgement. Strays are returned to the head of the queue, so that no failure here
keeps an id from the workers for longer than `RESTORE_S`.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import Counter, deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from scheduler.basics.batch import Batch
from scheduler.basics.seldom import Seldom
from scheduler.core.errors import QueueUnavailable
from scheduler.queue.connections import ANSWER_S
from scheduler.queue.keys import Keys, is_id
from scheduler.queue.scripts import MOVED_MAX, Scripts
from scheduler.queue.server import Server

BLOCK_S: Final = 2.0
"""How long one BLMOVE waits. Finite, so that a server that hangs is noticed: after
`BLOCK_S + ANSWER_S` the waiting workers get `QueueUnavailable`."""

IDS_MAX: Final = 1000
"""How many ids one script acknowledges: no other command runs on the server meanwhile."""

PAUSE_S: Final = 0.01
"""Between two scripts that acknowledge: no job waits for that, and no other node depends on it."""

RESTORE_S: Final = 10.0
"""How often strays are looked for where nothing failed: a lost connection may leave a BLMOVE behind
on the server, which still moves one id after the look that follows the loss."""

log = structlog.get_logger()


class Dequeuer:
    """One node's in-flight list, and the workers that wait for its ids."""

    def __init__(
        self,
        server: Server,
        scripts: Scripts,
        *,
        keys: Keys,
        node_id: str,
        block_s: float = BLOCK_S,
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._queue = keys.queue
        self._inflight = keys.inflight(node_id)
        self._node_id = node_id
        self._block_s = block_s
        self.acknowledged = Batch(self._acknowledge_all, weight_max=IDS_MAX, pause_s=PAUSE_S)
        self._waiters: deque[Future[str | None]] = deque()
        self._held: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._restore_at = 0.0
        self._seldom = Seldom()
        self._registered = False
        """Whether the server has this node in its set of nodes that may have ids in flight."""

    async def take(self, *, wait_s: float) -> str | None:
        """Wait in line for an id; None after `wait_s` seconds.

        Raises:
            QueueUnavailable: the server failed while we waited.
        """
        loop = asyncio.get_running_loop()
        waiter: Future[str | None] = loop.create_future()
        self._waiters.append(waiter)
        self._wake.set()
        timer = loop.call_later(wait_s, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The id may have come in the same turn of the loop as the cancellation.
            if job_id := _delivered(waiter):
                self._deliver(job_id)
            raise
        finally:
            timer.cancel()

    async def acknowledge(self, job_id: str) -> None:
        """Remove a held id from the in-flight list."""
        await self._release(job_id, self.acknowledged(job_id))

    async def give_back(self, job_id: str) -> None:
        """Return a held id to the head of the queue."""
        await self._release(job_id, self._give_back(job_id))

    async def serve(self) -> None:
        """Get ids for the waiters, for ever; the background task of a dequeuer."""
        while True:
            await self._wake.wait()
            try:
                await self._round()
            except QueueUnavailable as error:
                self._fail(error)

    async def close(self) -> None:
        """Return all ids in flight to the queue, once `serve` and all workers have ended."""
        with suppress(QueueUnavailable):  # then the sweeper of another node does it
            async with self._server.answering():
                await self._scripts.recover([self._node_id])

    async def _acknowledge_all(self, job_ids: Sequence[str]) -> Sequence[None]:
        async with self._server.answering():
            await self._scripts.acknowledge(self._node_id, job_ids)
        return [None] * len(job_ids)

    async def _give_back(self, job_id: str) -> None:
        async with self._server.answering():
            await self._scripts.give_back(self._node_id, job_id)

    async def _round(self) -> None:
        await self._restore()
        self._waiters = deque(waiter for waiter in self._waiters if not waiter.done())
        if self._registered and not self._waiters:
            self._wake.clear()
            return
        async with self._server.answering():
            taken = await self._scripts.take(self._node_id, len(self._waiters))
        self._registered = True
        for job_id in filter(None, taken):
            self._hold(job_id)
        if dropped := taken.count(""):
            self._tell_dropped(dropped)
        elif self._waiters and not taken:
            await self._wait()

    async def _wait(self) -> None:
        """Wait for one id, for `block_s`."""
        async with self._server.answering(within_s=self._block_s + ANSWER_S):
            found = await self._server.blocking.blmove(
                self._queue,
                self._inflight,
                self._block_s,  # type: ignore[arg-type]  # the server takes fractions
            )
        job_id = None if found is None else str(found)
        if job_id is not None:
            # The server may have been flushed while we waited, and so have lost this node's
            # registration, without which no node finds its in-flight list: the next round
            # registers it again.
            self._registered = False
            if is_id(job_id):
                self._hold(job_id)
            else:  # it goes back, and the next `take` drops it
                self._restore_soon()

    async def _restore(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._restore_at:
            return
        async with self._server.answering():
            restored = await self._scripts.restore(self._node_id, list(self._held.elements()))
        self._restore_at = now + (RESTORE_S if restored < MOVED_MAX else 0.0)

    def _tell_dropped(self, entries: int) -> None:
        if self._seldom():
            log.warning(
                "entries of the queue that are no ids of jobs were dropped", entries=entries
            )

    async def _release(self, job_id: str, request: Awaitable[None]) -> None:
        """Stop holding an id once the server took the request; if it fails, the id is a stray.

        Were it no longer held before that, a `_restore` in between would take it for a stray.
        """
        try:
            await request
        except BaseException:
            self._restore_soon()
            raise
        finally:
            self._drop(job_id)

    def _hold(self, job_id: str) -> None:
        self._held[job_id] += 1
        self._deliver(job_id)

    def _deliver(self, job_id: str) -> None:
        """Give an id to the first waiter, or have it returned to the queue if there is none."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(job_id)
                return
        self._drop(job_id)
        self._restore_soon()

    def _fail(self, error: QueueUnavailable) -> None:
        """Raise in all waiters; the next call of `take`, after a worker's backoff, tries again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(QueueUnavailable(*error.args))
        self._waiters.clear()
        self._wake.clear()
        self._restore_at = 0.0

    def _drop(self, job_id: str) -> None:
        self._held[job_id] -= 1
        if self._held[job_id] <= 0:
            del self._held[job_id]

    def _restore_soon(self) -> None:
        self._restore_at = 0.0
        self._wake.set()


def _expire(waiter: Future[str | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _delivered(waiter: Future[str | None]) -> str | None:
    """The id that a waiter got in the turn in which its worker was cancelled."""
    if not waiter.done() or waiter.cancelled() or waiter.exception():
        return None
    return waiter.result()
