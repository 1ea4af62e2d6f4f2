"""The use cases of pauses: pause, resume, list; and what this node knows of them.

    the store ─ once a second ─▶ known ─┬─▶ what a job is said to wait for
                                        └─▶ whether this node is paused, and takes nothing new

What a node knows may be a second old. That no attempt begins is promised by the store alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Final

import structlog

from scheduler.core.access.audit import Action
from scheduler.core.access.principal import Principal, Right
from scheduler.core.errors import NoSuchPause, StoreUnavailable
from scheduler.core.job import Job
from scheduler.core.pause import Pause, PauseKey, PauseKind, Pauses, by_key, hold_of
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.service.access.audit import recorded
from scheduler.service.access.rights import require
from scheduler.service.documents import instant

LOOK_S: Final = 1.0
"""How often a node looks for the pauses of others."""
KNOWN_MAX: Final = 10_000
"""How many it knows: of further ones, a job says so once a worker has met it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PausePage:
    """Some pauses; `next_after` is the `after` of the next page, if any."""

    pauses: Sequence[Pause]
    next_after: PauseKey | None


class PauseService:
    """The pauses, as one node uses them; `run` must run meanwhile."""

    def __init__(
        self, *, store: Store, clock: Clock, node_name: str, nearer: asyncio.Event
    ) -> None:
        """Collaborators.

        Args:
            nearer: set where a pause has ended, or ends by itself: the promoter looks then.
        """
        self._store = store
        self._clock = clock
        self._node = PauseKey(PauseKind.NODE, node_name)
        self._nearer = nearer
        self._known: Pauses = {}
        self._numbers = count(1)
        self._latest = 0
        """The number of the look by which they are known."""
        self._node_resumed = asyncio.Event()

    @property
    def of_node(self) -> Pause | None:
        """The pause of this node, if it is known to be paused."""
        return self._known.get(self._node)

    def pause_of(self, node_name: str) -> Pause | None:
        """The pause of some node, if it is known to be paused."""
        return self._known.get(PauseKey(PauseKind.NODE, node_name))

    async def run(self) -> None:
        """Look for ever; a background task."""
        while True:
            with suppress(StoreUnavailable):
                await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask the store which pauses last.

        Raises:
            StoreUnavailable: what was known stays so.
        """
        number = next(self._numbers)
        found = by_key(await self._store.pauses.page(limit=KNOWN_MAX))
        if number < self._latest:  # a later look was answered before
            return
        before, self._known, self._latest = self.of_node, found, number
        if self.of_node is None:
            self._node_resumed.set()
        else:
            self._node_resumed.clear()
        _tell(before, self.of_node)

    async def node_resumed(self) -> None:
        """Wait until this node is not paused, at most so long as it waits between two looks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._node_resumed.wait()

    def told(self, job: Job) -> Job:
        """A job with what its user is told that it waits for."""
        if not self._known or (hold := hold_of(job, self._known)) == job.hold:
            return job
        return replace(job, hold=hold)

    async def put(
        self, by: Principal, key: PauseKey, *, reason: str | None, until: datetime | None
    ) -> Pause | None:
        """Pause, or replace the reason and the end of the pause that there is.

        After the answer no attempt begins of what it names, on any node. The answer is None where
        the end is past, by the clock of the store.

        Raises:
            Forbidden: somebody may not.
            StoreUnavailable: nothing was changed.
        """
        require(by, Right.OPERATE)
        audit = recorded(
            by,
            Action.PAUSE,
            at=self._clock.now(),
            target=str(key),
            detail={"reason": reason, "until": until and instant(until)},
        )
        put = await self._store.pauses.put(key, reason=reason, until=until, by=by.name, audit=audit)
        await self._changed()
        return put.pause

    async def end(self, by: Principal, key: PauseKey) -> Pause:
        """End a pause, and return it as it was. What it held goes on soon, in its old order.

        Raises:
            Forbidden: somebody may not.
            NoSuchPause: there is none that lasts.
        """
        require(by, Right.OPERATE)
        audit = recorded(by, Action.RESUME, at=self._clock.now(), target=str(key))
        ended = await self._store.pauses.end(key, audit=audit)
        if ended is None:
            raise NoSuchPause(f"{key.kind} {key.name!r} is not paused")
        await self._changed()
        return ended

    async def page(
        self, by: Principal, *, kind: PauseKind | None, after: PauseKey | None, limit: int
    ) -> PausePage:
        """Some pauses, by kind and name.

        Raises:
            Forbidden: somebody may not see them.
        """
        require(by, Right.OPERATE)
        found = await self._store.pauses.page(kind=kind, after=after, limit=limit + 1)
        page = found[:limit]
        return PausePage(page, page[-1].key if len(found) > limit else None)

    async def _changed(self) -> None:
        """Know at once what was changed here; the change is stored, whatever becomes of this."""
        self._nearer.set()
        with suppress(StoreUnavailable):
            await self.look()


def _tell(before: Pause | None, now: Pause | None) -> None:
    """Log whether this node takes jobs, where that has changed."""
    if now is not None and before is None:
        log.warning("this node is paused: it takes no new jobs", reason=now.reason, by=now.by)
    if now is None and before is not None:
        log.info("this node is not paused any more")
