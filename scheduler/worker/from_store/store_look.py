"""Looks in the store for a job that waits: its id was lost, or the queue is away.

The order of users is that of the port `Queue`, as far as one node can know it: whom it gave the
last starts, and how many jobs of each user run anywhere. It looks at `USERS_MAX` users at a time,
and where more wait, at the next ones the next time; so it does with lanes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from typing import Final

from scheduler.core.job import Line, WaitingJob
from scheduler.core.places.labels import ANYWHERE, LANES_SEEN_MAX, PLAIN, Place
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import BusyMax, ShareOf, nothing_kept
from scheduler.core.ports.store import Store
from scheduler.service.pauses import PauseService

STORE_LOOK_S: Final = 2.5
"""How often the store is asked for waiting jobs where it has none; for the whole node."""
USERS_MAX: Final = 200
"""Each is found by a step of its own in the index: so many take a few milliseconds."""
CLEANUPS_MAX: Final = 100
"""Among so many at a time a paused node looks for one that it takes."""
REMEMBERED_MAX: Final = 10_000
"""Users whose last start is known."""


class StoreLook:
    """Finds the next job for one node."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        share_of: ShareOf,
        busy_max: BusyMax = nothing_kept,
        place: Place = PLAIN,
        pauses: PauseService,
    ) -> None:
        self._takes = place
        self._store = store
        self._pauses = pauses
        self._clock = clock
        self._share_of = share_of
        self._busy_max = busy_max
        self._look_at = 0.0
        """When the store may be asked again, by the clock's `monotonic`."""
        self._after_lane = ANYWHERE
        """The lane after which the next look goes on."""
        self._after_uids: dict[str, str] = {}
        """By lane, the user after whom the next look goes on."""
        self._turns: OrderedDict[str, int] = OrderedDict()
        """The number of the last start of each user."""
        self._numbers = count(1)

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask again."""
        return self._clock.monotonic() >= self._look_at

    @property
    def node_is_paused(self) -> bool:
        """Whether this node takes nothing but clean-ups."""
        return self._pauses.of_node is not None

    async def node_resumed(self) -> None:
        """Wait until this node is not paused any more, for about a second."""
        await self._pauses.node_resumed()

    async def next(self) -> WaitingJob | None:
        """The job that is next; None, for a while, where none waits.

        Raises:
            StoreUnavailable: try again later.
        """
        if self.node_is_paused:
            return await self._cleanup()
        saw_all, lines = await self._lines()
        chosen = self._least(lines, busy_may=await self._busy_may())
        if chosen is not None:
            self._note_start(chosen.head.uid)
            return chosen.head
        if saw_all:
            self._look_at = self._clock.monotonic() + STORE_LOOK_S
        return None

    async def _cleanup(self) -> WaitingJob | None:
        """A clean-up that waits: all nodes may be paused, and these never are."""
        last: WaitingJob | None = None
        while page := await self._store.pauses.cleanups(after=last, limit=CLEANUPS_MAX):
            for cleanup in page:
                if self._takes.takes_lane(cleanup.lane):
                    return cleanup
            last = page[-1]
        self._look_at = self._clock.monotonic() + STORE_LOOK_S
        return None

    async def _lines(self) -> tuple[bool, Sequence[Line]]:
        """The next users of the lanes that the node takes, and whether they are all."""
        lanes = [ANYWHERE] if self._takes.takes(()) else []
        saw_all, found = True, list[Line]()
        if self._takes.labels:
            saw_all, labelled = await self._lanes()
            lanes += labelled
        for lane in lanes:
            saw_these, lines = await self._lines_of(lane)
            saw_all, found = saw_all and saw_these, [*found, *lines]
        return saw_all, found

    async def _lanes(self) -> tuple[bool, Sequence[str]]:
        """The next lanes that need labels which the node takes, and whether they are all."""
        is_first = not self._after_lane
        while True:
            seen = await self._store.lanes(after=self._after_lane)
            is_last = len(seen) < LANES_SEEN_MAX
            self._after_lane = ANYWHERE if is_last else seen[-1]
            taken = list(filter(self._takes.takes_lane, seen))
            if taken or is_last:
                return is_first and is_last, taken

    async def _lines_of(self, lane: str) -> tuple[bool, Sequence[Line]]:
        after = self._after_uids.pop(lane, "")
        lines = await self._store.lines(lane=lane, after_uid=after, limit=USERS_MAX)
        if after and not lines:
            return await self._lines_of(lane)
        is_full = len(lines) == USERS_MAX
        if is_full:
            self._after_uids[lane] = lines[-1].head.uid
        return not after and not is_full, lines

    async def _busy_may(self) -> bool:
        """Whether users who run something may start more."""
        most = self._busy_max()
        return most is None or (await self._store.counts(count_max=1)).running < most

    def _least(self, lines: Sequence[Line], *, busy_may: bool) -> Line | None:
        free = [
            line
            for line in lines
            if self._may_start(line) and (busy_may or line.running == 0 or line.cleans)
        ]
        return min(free, key=self._place, default=None)

    def _may_start(self, line: Line) -> bool:
        most = self._share_of(line.head.uid).running_max
        return most is None or line.running < most or line.cleans

    def _place(self, line: Line) -> tuple[int, int, int]:
        """The user who runs the fewest for his weight; among equals, who has waited longest."""
        uid = line.head.uid
        level = int(line.running / self._share_of(uid).weight)
        return level, self._turns.get(uid, 0), line.head.turn_ms

    def _note_start(self, uid: str) -> None:
        self._turns[uid] = next(self._numbers)
        self._turns.move_to_end(uid)
        if len(self._turns) > REMEMBERED_MAX:
            self._turns.popitem(last=False)
