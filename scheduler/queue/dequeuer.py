"""How a node's workers get their ids: through one connection, in the order they came.

    worker ─ take ─▶ place ┐                     ┌─▶ take.lua   as many as there are places
    worker ─ take ─▶ place ┼─▶ serve: one round ─┤
    worker ─ take ─▶ place ┘                     └─▶ BLMOVE     if there was none: wait for one

Ids are moved to the node's in-flight list, never popped. The feed knows which of them somebody
*holds*: was given, and has not acknowledged. What is in flight and held by nobody is a *stray*: its
answer got lost, its worker left while it came, or its end could not be told. Strays go back to the
head of the queue, so nothing that goes wrong here keeps an id from the workers for longer than
`RESTORE_S`.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import Counter, deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Final

from scheduler.basics.batch import Batch
from scheduler.core.errors import QueueUnavailable
from scheduler.queue.keys import Keys
from scheduler.queue.scripts import Scripts
from scheduler.queue.server import ANSWER_S, Server

BLOCK_S: Final = 2.0
"""How long one BLMOVE waits. Finite, so that a server that hangs is noticed: after
`BLOCK_S + ANSWER_S` the waiting workers are told."""

IDS_MAX: Final = 1000
"""How many ids are acknowledged in one script, which nothing else on the server can interrupt."""

PAUSE_S: Final = 0.01
"""Between two tellings of what has ended: no job waits for it, and other nodes notice no less."""

RESTORE_S: Final = 10.0
"""How often strays are looked for where nothing failed: a lost connection may leave a BLMOVE behind
on the server, which still moves one id after the look that followed the loss."""


class Dequeuer:
    """One node's in-flight list, and the workers that wait for what comes into it."""

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
        self._places: deque[Future[str | None]] = deque()
        self._held: Counter[str] = Counter()
        self._wanted = asyncio.Event()
        self._restore_at = 0.0
        self._named = False
        """Whether the server knows that something may be in flight here."""

    async def take(self, *, wait_s: float) -> str | None:
        """Wait in line for an id; None after `wait_s`.

        Raises:
            QueueUnavailable: the server failed while we waited.
        """
        loop = asyncio.get_running_loop()
        place: Future[str | None] = loop.create_future()
        self._places.append(place)
        self._wanted.set()
        timer = loop.call_later(wait_s, _expire, place)
        try:
            return await place
        except asyncio.CancelledError:
            # The id may have come in the very turn of the loop in which we left.
            if job_id := _arrived(place):
                self._hand(job_id)
            raise
        finally:
            timer.cancel()

    async def acknowledge(self, job_id: str) -> None:
        """Drop a held id."""
        await self._let_go(job_id, self.acknowledged(job_id))

    async def give_back(self, job_id: str) -> None:
        """Return a held id to the head of the queue."""
        await self._let_go(job_id, self._give_back(job_id))

    async def serve(self) -> None:
        """Serve the places as they come; the background task of a feed."""
        while True:
            await self._wanted.wait()
            try:
                await self._round()
            except QueueUnavailable as error:
                self._fail(error)

    async def close(self) -> None:
        """Return whatever is in flight, once `serve` and all workers have ended."""
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
        self._places = deque(place for place in self._places if not place.done())
        if self._named and not self._places:
            self._wanted.clear()
            return
        async with self._server.answering():
            taken = await self._scripts.take(self._node_id, len(self._places))
        self._named = True
        for job_id in taken:
            self._hold(job_id)
        if self._places and not taken:
            await self._wait()

    async def _wait(self) -> None:
        """Wait for one id, for a while."""
        async with self._server.answering(within_s=self._block_s + ANSWER_S):
            job_id = await self._server.blocking.blmove(
                self._queue,
                self._inflight,
                self._block_s,  # type: ignore[arg-type]  # the server takes fractions
            )
        if job_id is not None:
            # The server may have been emptied while we waited, and with it have forgotten this
            # node, without which nobody finds what is in flight here: the next round names it.
            self._named = False
            self._hold(str(job_id))

    async def _restore(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._restore_at:
            return
        async with self._server.answering():
            await self._scripts.restore(self._node_id, list(self._held.elements()))
        self._restore_at = now + RESTORE_S

    async def _let_go(self, job_id: str, told: Awaitable[None]) -> None:
        """Hold an id until the server took its end; where it does not, make it a stray.

        To let go before the server did would have a restoration in between take it for one.
        """
        try:
            await told
        except BaseException:
            self._restore_soon()
            raise
        finally:
            self._drop(job_id)

    def _hold(self, job_id: str) -> None:
        self._held[job_id] += 1
        self._hand(job_id)

    def _hand(self, job_id: str) -> None:
        """Give an id to the first place that is still taken, or let it go back to the queue."""
        while self._places:
            place = self._places.popleft()
            if not place.done():
                place.set_result(job_id)
                return
        self._drop(job_id)
        self._restore_soon()

    def _fail(self, error: QueueUnavailable) -> None:
        """Tell all who wait; the next of them makes the next try, when its own backoff is over."""
        for place in self._places:
            if not place.done():
                place.set_exception(QueueUnavailable(*error.args))
        self._places.clear()
        self._wanted.clear()
        self._restore_at = 0.0

    def _drop(self, job_id: str) -> None:
        self._held[job_id] -= 1
        if self._held[job_id] <= 0:
            del self._held[job_id]

    def _restore_soon(self) -> None:
        self._restore_at = 0.0
        self._wanted.set()


def _expire(place: Future[str | None]) -> None:
    if not place.done():
        place.set_result(None)


def _arrived(place: Future[str | None]) -> str | None:
    """What a place got in the last moment before it was left."""
    if not place.done() or place.cancelled() or place.exception():
        return None
    return place.result()
