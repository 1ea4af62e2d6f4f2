"""Has jobs give way that their limiters let go, and that cannot begin.

    its user runs as many jobs as he may      ─┬─▶ it waits in his line, and counts no more there:
    no live node has the labels that it needs ─┘   others of the limiter go on meanwhile

One that is let go counts in its limiter until it has begun. That is a moment where a worker is all
that it waits for, and else may be a day. It meets its limiters anew once it can begin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import Place
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quotas

LOOKED_AT_MAX: Final = 1000
"""Jobs that were let go and have not begun: mostly there are few."""
WAY_MAX: Final = 500
"""How many held ones go with them in one write."""
COUNT_MAX: Final = 10_000


class Hindered:
    """Finds them, by two looks: what has not begun between them."""

    def __init__(self, *, store: Store, quotas: Quotas) -> None:
        self._store = store
        self._quotas = quotas
        self._before: Collection[str] = ()
        """The ids of those that were met by the last look."""

    async def give_way(self) -> Sequence[WaitingJob]:
        """Have them give way to others; those that did, which wait for a worker."""
        found = await self._store.limiters.let_go_before(limit=LOOKED_AT_MAX)
        waited = [job for job in found if job.id in self._before]
        self._before = {job.id for job in found}
        if not waited:
            return ()
        full = await self._full_users({job.uid for job in waited})
        untaken = await self._untaken_lanes({job.lane for job in waited if job.lane})
        stuck = [job.id for job in waited if job.uid in full or job.lane in untaken]
        return await self._store.limiters.give_way(stuck, limit=WAY_MAX) if stuck else ()

    async def _full_users(self, uids: Collection[str]) -> Collection[str]:
        """Those of some users who run as many jobs as they may."""
        most = {uid: self._quotas.running_max_of(uid) for uid in uids}
        limited = {uid: each for uid, each in most.items() if each is not None}
        if not limited:
            return ()
        use = await self._store.usage(list(limited), count_max=COUNT_MAX)
        return {uid for uid, each in limited.items() if use[uid].running >= min(each, COUNT_MAX)}

    async def _untaken_lanes(self, lanes: Collection[str]) -> Collection[str]:
        """Those of some lanes from which no live node takes."""
        if not lanes:
            return ()
        places = [Place(node.labels, node.only) for node in await self._store.nodes()]
        return {lane for lane in lanes if not any(place.takes_lane(lane) for place in places)}
