"""How a node's workers get their ids: through one connection, first come, first served.

    worker ─ take ─▶ waiter ┐                     ┌─▶ take.lua   ids for all waiters
    worker ─ take ─▶ waiter ┼─▶ serve: one round ─┤
    worker ─ take ─▶ waiter ┘                     └─▶ BLPOP      if there was none: wait for a token

Ids are moved to the node's in-flight list, never popped. The dequeuer knows which of them are
*held*: delivered to a worker, and not acknowledged yet. An id that is in flight but not held is a
*stray*: the server's answer was lost, its worker was cancelled as it came, or the server did not
take its acknowledgement. Strays are returned to the head of the queue, so that no failure here
keeps an id from the workers for longer than `RESTORE_S`. What is held but not in flight, because
the server lost it, or because the job began without the queue, is added: it counts for its user.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final

import structlog

from scheduler.basics.batch import Batch
from scheduler.basics.seldom import Seldom
from scheduler.core.errors import QueueUnavailable
from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import PLAIN, Place, lane_of
from scheduler.core.ports.queue import BusyMax, nothing_kept
from scheduler.queue.connections import ANSWER_S
from scheduler.queue.held import Held
from scheduler.queue.keys import Keys, entry_of
from scheduler.queue.scripts import MOVED_MAX, Scripts, texts
from scheduler.queue.server import Server

BLOCK_S: Final = 2.0
"""How long one BLPOP waits. Finite, so that a server that hangs is noticed: after
`BLOCK_S + ANSWER_S` the waiting workers get `QueueUnavailable`."""

IDS_MAX: Final = 1000
"""How many ids one script acknowledges: no other command runs on the server meanwhile."""

PAUSE_S: Final = 0.01
"""Between two scripts that acknowledge: no job waits for that, and no other node depends on it."""

RESTORE_S: Final = 10.0
"""How often the in-flight list is compared with what is held, and the loads of users are counted
anew, where nothing failed."""
HOLD_S: Final = 1.0
"""How soon it is compared where a job runs that was not dequeued. Most end before that. Where ids
wait, it is compared before any of them is taken."""
NODES_MAX: Final = 1000
"""The in-flight lists of so many nodes are counted."""

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
        busy_max: BusyMax = nothing_kept,
        place: Place = PLAIN,
        block_s: float = BLOCK_S,
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._keys = keys
        self._node_id = node_id
        self._busy_max = busy_max
        self._place = "" if place == PLAIN else f"{lane_of(place.labels)}|{lane_of(place.only)}"
        """As `take.lua` has it."""
        self._tokens = _token_keys(keys, node_id, place)
        self._block_s = block_s
        self.acknowledged = Batch(
            self._acknowledge_all, weight=len, weight_max=IDS_MAX, pause_s=PAUSE_S
        )
        self._waiters: deque[_Waiter] = deque()
        self._held = Held()
        self._wake = asyncio.Event()
        self._restore_at = 0.0
        self._telling: asyncio.TimerHandle | None = None
        """When the server is told of what was not dequeued."""
        self._seldom = Seldom()
        self._registered = False
        """Whether the server has this node in its set of nodes that may have ids in flight."""
        self._is_empty = False
        """Whether the server had no id when it was asked last, and would have told of one since."""
        self._has_token = False
        """Whether a token was taken from the server, and nothing for it yet."""
        self._ids_wait = True
        """Whether somebody may have to be chosen: not known to have no id that waits."""

    async def take(
        self, *, wait_s: float, limit: int, in_vain: Callable[[], None] | None = None
    ) -> Sequence[str]:
        """Wait in line for an id, and take up to `limit`; none after `wait_s` seconds.

        `in_vain` is called when there was none.

        Raises:
            QueueUnavailable: the server failed while we waited.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), limit, in_vain or _ignore)
        self._waiters.append(waiter)
        self._wake.set()
        if self._is_empty:
            waiter.in_vain()
        timer = loop.call_later(wait_s, waiter.expire)
        try:
            return await waiter.ids
        except asyncio.CancelledError:
            # The ids may have come in the same turn of the loop as the cancellation.
            self._deliver(waiter.delivered())
            raise
        finally:
            timer.cancel()

    async def acknowledge(self, job_ids: Sequence[str]) -> None:
        """Remove held ids from the in-flight list."""
        known = self._held.known(job_ids)
        if known:
            await self._release(job_ids, known, self.acknowledged(known))
        else:  # the server never heard of them
            self._held.drop(job_ids)

    async def give_back(self, job_id: str) -> None:
        """Return a held id to the head of the queue."""
        known = self._held.known([job_id])
        await self._release([job_id], known, self._give_back(known))

    async def postpone(self, jobs: Sequence[WaitingJob]) -> None:
        """Return held ids to the lines of their users."""
        entries = {job: self._held.known([job.id]) for job in jobs}
        known = [entry for each in entries.values() for entry in each]
        await self._release([job.id for job in jobs], known, self._postpone(entries))

    def note_enqueued(self) -> None:
        """Note that ids wait from now on."""
        self._ids_wait = True

    def hold(self, job_id: str, uid: str, *, lane: str) -> None:
        """Hold an id that was not dequeued."""
        self._held.add_unknown(entry_of(job_id, uid, lane))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(HOLD_S, self._tell_held)

    async def serve(self) -> None:
        """Get ids for the waiters, for ever; the background task of a dequeuer."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RESTORE_S if self._held else None):
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

    async def _acknowledge_all(self, calls: Sequence[Sequence[str]]) -> Sequence[None]:
        async with self._server.answering():
            # Where slots are kept, a worker may wait although ids do, until others have ended.
            wakes = 0 if self._busy_max() is None else len(calls)
            entries = list(chain.from_iterable(calls))
            await self._scripts.acknowledge(self._node_id, entries, wakes=wakes)
        return [None] * len(calls)

    async def _give_back(self, entries: Sequence[str]) -> None:
        async with self._server.answering():
            for entry in entries:
                await self._scripts.give_back(self._node_id, entry)

    async def _postpone(self, entries: Mapping[WaitingJob, Sequence[str]]) -> None:
        scores = ((job.turn_ms, entry) for job, known in entries.items() for entry in known)
        async with self._server.answering():
            await self._scripts.postpone(self._node_id, list(chain.from_iterable(scores)))

    async def _round(self) -> None:
        if self._ids_wait and self._held.has_unknown():
            # It counts for its user before anybody is chosen; if nobody is, that can wait.
            self._restore_at = 0.0
        await self._restore()
        self._waiters = deque(waiter for waiter in self._waiters if not waiter.ids.done())
        if self._registered and not self._waiters:
            self._wake.clear()
            await self._pass_token_on()
            return
        async with self._server.answering():
            wanted = min(IDS_MAX, sum(waiter.limit for waiter in self._waiters))
            taken = await self._scripts.take(self._node_id, wanted, self._busy_max(), self._place)
        self._registered, self._has_token, self._ids_wait = True, False, bool(taken)
        self._hold(list(filter(None, taken)))
        if dropped := taken.count(""):
            self._tell_dropped(dropped)
        elif self._waiters and not taken:
            await self._wait()

    async def _wait(self) -> None:
        """Wait until there may be an id, for `block_s`."""
        with self._empty():
            found = await self._token()
        self._ids_wait = found is not None
        # A token of its own is no other node's to have.
        self._has_token = isinstance(found, list | tuple) and found[0] == self._keys.wake

    async def _token(self) -> object:
        async with self._server.answering(within_s=self._block_s + ANSWER_S):
            return await self._server.blocking.blpop(self._tokens, self._block_s)

    @contextmanager
    def _empty(self) -> Iterator[None]:
        """All who wait, and who come during the block, wait in vain."""
        self._is_empty = True
        for waiter in self._waiters:
            waiter.in_vain()
        try:
            yield
        finally:
            self._is_empty = False

    async def _pass_token_on(self) -> None:
        """Let another node look: the workers left that waited here when the token came."""
        if self._has_token:
            async with self._server.answering():
                await self._server.commands.rpush(self._keys.wake, "1")
            self._has_token = False

    async def _restore(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._restore_at:
            return
        # First: what is held without a dequeue from now on comes with the next comparison.
        self._restore_at = now + RESTORE_S
        held = self._held.all_known()
        async with self._server.answering():
            restored = await self._scripts.restore(self._node_id, held)
            nodes = await self._server.commands.srandmember(self._keys.nodes, NODES_MAX)
            await self._scripts.recount({self._node_id, *texts(nodes)})
            if gone := self._held.gone(held):
                # The server may have let them go before it compared: then they were added again.
                await self._scripts.acknowledge(self._node_id, gone)
        if restored >= MOVED_MAX:
            self._restore_at = 0.0

    def _tell_held(self) -> None:
        self._telling = None
        if self._held.has_unknown():
            self._restore_soon()

    def _tell_dropped(self, entries: int) -> None:
        if self._seldom():
            log.warning(
                "entries of the queue that are no ids of jobs were dropped", entries=entries
            )

    async def _release(
        self, job_ids: Sequence[str], entries: Sequence[str], request: Awaitable[None]
    ) -> None:
        """Stop holding ids once the server took the request; if it fails, they are strays.

        Were they no longer held before that, a `_restore` in between would take them for strays.
        """
        self._held.releasing.update(entries)
        try:
            await request
        except BaseException:
            self._restore_soon()
            raise
        finally:
            self._held.releasing -= Counter(entries)
            self._held.drop(job_ids)

    def _hold(self, entries: Sequence[str]) -> None:
        self._deliver([self._held.add(entry) for entry in entries])

    def _deliver(self, job_ids: Sequence[str]) -> None:
        """Share ids among the waiters; what no waiter takes is returned to the queue.

        Evenly: where few ids wait, each slot should get one.
        """
        left = deque(job_ids)
        waiters = [waiter for waiter in self._waiters if not waiter.ids.done()]
        others = sum(waiter.limit for waiter in waiters)
        for number, waiter in enumerate(waiters):
            if not left:
                break
            others -= waiter.limit
            share = max(-(-len(left) // (len(waiters) - number)), len(left) - others)
            waiter.give([left.popleft() for _ in range(min(share, waiter.limit))])
        self._waiters = deque(waiter for waiter in waiters if not waiter.ids.done())
        if left:
            self._held.drop(left)
            self._restore_soon()

    def _fail(self, error: QueueUnavailable) -> None:
        """Raise in all waiters; the next call of `take`, after a worker's backoff, tries again."""
        for waiter in self._waiters:
            if not waiter.ids.done():
                waiter.ids.set_exception(QueueUnavailable(*error.args))
        self._waiters.clear()
        self._wake.clear()
        self._restore_at = 0.0

    def _restore_soon(self) -> None:
        self._restore_at = 0.0
        self._wake.set()


def _token_keys(keys: Keys, node_id: str, place: Place) -> list[str]:
    """Where tokens come for this node."""
    own = [] if place == PLAIN else [keys.wake_of(node_id)]
    return [keys.wake, *own] if place.takes(()) else own


@dataclass(slots=True)
class _Waiter:
    """A worker that waits for ids."""

    ids: Future[Sequence[str]]
    limit: int
    in_vain: Callable[[], None]
    """To be called when the server has none for it."""

    def give(self, job_ids: Sequence[str]) -> None:
        if not self.ids.done():
            self.ids.set_result(job_ids)

    def expire(self) -> None:
        self.give([])

    def delivered(self) -> Sequence[str]:
        """The ids that came in the turn in which the worker was cancelled."""
        if not self.ids.done() or self.ids.cancelled() or self.ids.exception():
            return []
        return self.ids.result()


def _ignore() -> None:
    """Do nothing."""
