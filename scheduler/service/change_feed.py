"""The change feed: this node reads the stream of changes once, for all of its followers.

    queue.changes ─▶ run ─▶ the last changes ─┬─▶ a follower, at a position of its own
                                              └─▶ another follower

A follower never delays the reading, and nothing is buffered for it: it takes what comes after its
position from the last changes kept here or, if it is further behind, from the queue. While there is
no follower, nothing is read. However many followers there are, they take turns, and the more there
are, the longer changes wait to be read together: what is urgent on this node comes in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, TypeVar

from scheduler.basics.turns import Turns
from scheduler.core.change import GAP, Change
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import Job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.service.following.events import Event, LineEvent

T = TypeVar("T")

KEPT_MAX: Final = 1000
"""How many of the last changes are kept here; each may hold a job with its traceback."""
READ_MAX: Final = 500
"""How many changes are read at a time."""
BATCH_MAX: Final = 100
"""How many of the kept changes a follower gets at a time: less than a millisecond of work."""
BEHIND_MAX: Final = 50
"""How many changes a follower gets at a time that is further behind: each is read for it alone."""
TURNS: Final = 8
"""How many followers go on in one iteration of the event loop."""
FOLLOWER_S: Final = 0.0005
"""For each follower, how long changes wait to be read together: several times what the fan-out to
one follower takes."""
READ_S: Final = 2.0
"""How long a read waits, and so how soon the node notices that the queue lost its changes, or that
the last follower has left."""
IDLE_S: Final = 2.0
"""After how long without a change a follower gets an empty batch, so that it reads the store."""


@dataclass(slots=True)
class ChangeEntry:
    """A change, and its job once it has been read from the store."""

    id: str
    change: Change
    kept: bool = False
    """Whether it is one of the last changes, which all followers share."""
    job: Job | None = None
    looked_up: bool = False
    """Whether the store was asked for the job: None is then one that was deleted."""
    events: Sequence[Event] | None = None
    """Its events for all who follow many jobs, without lines; None until they are made."""
    prints: bool = False
    """Whether such followers are sent its lines."""
    lines: Sequence[LineEvent] | None = None
    """Its lines for all of them; None while they are not in memory."""


class ChangeFeed:
    """The changes of all jobs on all nodes, in the order in which they were announced."""

    def __init__(self, *, store: Store, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self.last: deque[ChangeEntry] = deque(maxlen=KEPT_MAX)
        """The last changes, oldest first."""
        self.end: str | None = None
        """The id of the last change that was read; None while nothing is read."""
        self._followers = 0
        self._wanted = asyncio.Event()
        self._turns = Turns(TURNS)
        self._loading = asyncio.Lock()
        self._update = asyncio.Event()
        """Set, and replaced by a new one, whenever changes were read."""

    async def run(self) -> None:
        """Read for ever, whenever there is a follower."""
        while True:
            await self._wanted.wait()
            try:
                await self._read()
            except QueueUnavailable:
                await self._clock.sleep(READ_S)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Count as a follower while the block runs, so that changes are read."""
        self._followers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._followers -= 1

    async def latest_id(self) -> str | None:
        """The id of the latest change, to follow from now on; None while the queue is away."""
        if self.end is None:
            await self._updated(self._update)
        return self.end

    async def after(
        self, change_id: str | None
    ) -> AsyncGenerator[Sequence[ChangeEntry] | None, None]:
        """Batches of the changes after this one, as they come; an empty one after `IDLE_S` idle.

        Yields None if it is not known what came after it, and then continues from the latest
        change. So it does without a change, since the follower began while the queue was away.
        """
        while True:
            # Before the look: an update in between would be missed otherwise.
            update = self._update
            await self._turns()
            try:
                found = await self._after(change_id)
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
                yield None
            elif not await self._updated(update):
                yield []

    async def change(self, change_id: str) -> Change | None:
        """The change with this id; None if the queue is away or has dropped it."""
        with suppress(QueueUnavailable):
            if found := await self._queue.changes(change_id, limit=1):
                return found[0][1]
        return None

    async def load_jobs(self, entries: Sequence[ChangeEntry]) -> None:
        """Read the jobs that these entries still lack; a deleted job stays None.

        Once for all: whoever asks for the same ones meanwhile waits.
        """
        async with self._loading:
            lacking = [each for each in entries if not each.looked_up]
            if lacking:
                missing = {each.change.job_id for each in lacking}
                jobs = await self.when_available(lambda: self._store.outlines(missing))
                found = {job.id: job for job in jobs}
                for each in lacking:
                    each.job, each.looked_up = found.get(each.change.job_id), True

    async def when_available(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read from the store, and retry while it is unavailable."""
        while True:
            with suppress(StoreUnavailable):
                return await read()
            await self._clock.sleep(READ_S)

    async def _read(self) -> None:
        """Read until the last follower has left."""
        while self._followers:
            if self.end is None:
                self._restart(await self._queue.latest_change())
            assert self.end is not None  # noqa: S101 - `_restart` has set it
            found = await self._queue.changes(self.end, limit=READ_MAX, wait_s=READ_S)
            if found is None:
                self._restart(await self._queue.latest_change())
            elif len(found) > 1:
                self.last.extend(ChangeEntry(*each, kept=True) for each in found[1:])
                self.end = found[-1][0]
                self._notify()
                if len(found) <= READ_MAX:
                    await asyncio.sleep(self._followers * FOLLOWER_S)
        self._wanted.clear()
        self.last.clear()
        self.end = None

    def _restart(self, change_id: str) -> None:
        self.last.clear()
        # Nobody is sent this entry: it only marks the position after which the next ones come.
        self.last.append(ChangeEntry(change_id, GAP, kept=True))
        self.end = change_id
        self._notify()

    def _notify(self) -> None:
        self._update.set()
        self._update = asyncio.Event()

    async def _updated(self, update: asyncio.Event) -> bool:
        """Whether changes are read within `IDLE_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                return await update.wait()
        return False

    async def _after(self, change_id: str | None) -> Sequence[ChangeEntry] | None:
        """The next changes after this one, as far as there are some; None if that is not known."""
        if change_id is None or change_id == self.end:
            return []
        later = list(takewhile(lambda each: each.id != change_id, reversed(self.last)))[::-1]
        if len(later) < len(self.last):
            return later[:BATCH_MAX]
        found = await self._queue.changes(change_id, limit=BEHIND_MAX)
        return None if found is None else [ChangeEntry(*each) for each in found[1:]]
