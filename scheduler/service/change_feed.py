"""The change_feed of changes as this node reads it: once for all who follow it here.

    queue.changes ─▶ run ─▶ the last of them ─┬─▶ a follower, at his own position
                                              └─▶ another

Nothing waits for a follower and nothing is kept for him: he takes what is behind his position from
the last changes here, or, where he is further back, from the queue. Nobody follows, nobody reads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, TypeVar

from scheduler.core.change import GAP, Change
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import Job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store

T = TypeVar("T")

KEPT_MAX: Final = 1000
"""How many of the last changes are kept here; each may come to hold a job with its traceback."""
READ_MAX: Final = 500
"""How many changes are read at a time."""
READ_S: Final = 2.0
"""How long a read waits, and so how soon it is noticed that the queue forgot, or nobody follows."""
IDLE_S: Final = 2.0
"""How long a follower hears nothing before he is told so, to look for himself."""


@dataclass(slots=True)
class ChangeEntry:
    """A change that was told; and the job, once somebody here has looked."""

    id: str
    change: Change
    job: Job | None = None


class ChangeFeed:
    """What happens to jobs, on all nodes, in the order in which it was told."""

    def __init__(self, *, store: Store, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._last: deque[ChangeEntry] = deque(maxlen=KEPT_MAX)
        self.end: str | None = None
        """The id of the last change that was read; None while nothing is read."""
        self._followers = 0
        self._wanted = asyncio.Event()
        self._turn = asyncio.Event()
        """Set, and replaced, whenever there is news."""

    async def run(self) -> None:
        """Read for ever, while somebody follows."""
        while True:
            await self._wanted.wait()
            try:
                await self._read()
            except QueueUnavailable:
                await self._clock.sleep(READ_S)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Have the change_feed read while the block runs."""
        self._followers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._followers -= 1

    async def present(self) -> str | None:
        """The id behind which comes what happens from now on; None while the queue is away."""
        if self.end is None:
            await self._news(self._turn)
        return self.end

    async def behind(
        self, change_id: str | None
    ) -> AsyncGenerator[Sequence[ChangeEntry] | None, None]:
        """What comes behind a change, as it comes; nothing after a while without news.

        None where it is not known what came behind it: then it goes on with the present. Where no
        change is given, with the present as soon as there is one.
        """
        while True:
            turn = self._turn
            try:
                found = await self._behind(change_id)
            except QueueUnavailable:
                found = []
            if found is None:
                change_id = self.end
                yield None
            elif found:
                change_id = found[-1].id
                yield found
            elif change_id is None and self.end is not None:
                change_id = self.end
            elif not await self._news(turn):
                yield []

    async def change(self, change_id: str) -> Change | None:
        """The change of an id, while it is known."""
        with suppress(QueueUnavailable):
            if found := await self._queue.changes(change_id, limit=1):
                return found[0][1]
        return None

    async def see(self, news: Sequence[ChangeEntry]) -> None:
        """Look at the jobs of these changes, where nobody here has; those deleted are not seen."""
        unseen = {each.change.job_id for each in news if each.job is None}
        if unseen:
            jobs = await self.patiently(lambda: self._store.outlines(unseen))
            found = {job.id: job for job in jobs}
            for each in news:
                each.job = each.job or found.get(each.change.job_id)

    async def patiently(self, look: Callable[[], Awaitable[T]]) -> T:
        """What the store answers, once it does."""
        while True:
            with suppress(StoreUnavailable):
                return await look()
            await self._clock.sleep(READ_S)

    async def _read(self) -> None:
        """Read until nobody follows any more."""
        while self._followers:
            if self.end is None:
                self._begin(await self._queue.latest_change())
            assert self.end is not None  # noqa: S101 - it has just begun
            found = await self._queue.changes(self.end, limit=READ_MAX, wait_s=READ_S)
            if found is None:
                self._begin(await self._queue.latest_change())
            elif len(found) > 1:
                self._last.extend(ChangeEntry(*each) for each in found[1:])
                self.end = found[-1][0]
                self._tell()
        self._wanted.clear()
        self._last.clear()
        self.end = None

    def _begin(self, change_id: str) -> None:
        self._last.clear()
        self._last.append(
            ChangeEntry(change_id, GAP)
        )  # nobody's news: it is what the others are behind
        self.end = change_id
        self._tell()

    def _tell(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()

    async def _news(self, turn: asyncio.Event) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                return await turn.wait()
        return False

    async def _behind(self, change_id: str | None) -> Sequence[ChangeEntry] | None:
        """What is behind a change now; None where nobody knows."""
        if change_id is None or change_id == self.end:
            return []
        later = list(takewhile(lambda each: each.id != change_id, reversed(self._last)))[::-1]
        if len(later) < len(self._last):
            return later
        found = await self._queue.changes(change_id, limit=READ_MAX)
        return None if found is None else [ChangeEntry(*each) for each in found[1:]]
