"""Warns where a node may stand still: every slot runs a job whose children wait for a slot.

A handler may submit jobs and wait for their ends. Where the jobs in all slots do that, nothing goes
on, for no user, and yet store, queue and node are well: so the node says it. Whether a handler
waits cannot be seen from here; a job that goes on without its children is no stall, and it looks
the same. Nor does a node know whether another one is about to run the children.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.telemetry.metrics import Metrics

log = structlog.get_logger()

LOOK_EVERY_S: Final = 3.0
"""How often to look. The warning needs three looks, so it comes within 9 s: children that only wait
their turn for a moment are no stall."""
JOBS_NAMED_MAX: Final = 20
"""How many jobs the warning names: a node may have more slots than a line should have ids."""


class Stalls:
    """Looks for stalls of one node; warns once for each, and sets a gauge."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        store: Store,
        clock: Clock,
        node_id: str,
        workers: int,
        local_jobs: Callable[[], AbstractSet[str]],
    ) -> None:
        """Collaborators.

        Args:
            local_jobs: the ids of the jobs that the node runs, and perhaps of some that it claims
                or settles.
        """
        self._metrics = metrics
        self._store = store
        self._clock = clock
        self._node_id = node_id
        self._workers = workers
        self._local_jobs = local_jobs
        self._here: AbstractSet[str] = frozenset()
        """The jobs that were here at the last look."""
        self._in_wait: AbstractSet[str] = frozenset()
        """Those of them that had a queued child."""
        self._stalled = False

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            with suppress(StoreUnavailable):
                await self.look()

    async def look(self) -> None:
        """Look once. The store is only asked where as many jobs as there are slots have stayed."""
        here = self._local_jobs()
        stayed, self._here = here & self._here, here
        in_wait: AbstractSet[str] = frozenset()
        if len(stayed) >= self._workers:
            in_wait = stayed & set(await self._store.parents_in_wait(self._node_id))
        still, self._in_wait = in_wait & self._in_wait, in_wait
        self._note(still)

    def _note(self, still: AbstractSet[str]) -> None:
        """Note the jobs that had a queued child at this look and at the one before."""
        stalled = len(still) >= self._workers
        if stalled and not self._stalled:
            log.warning(
                "every slot runs a job that has queued children: if the handlers wait for them, "
                "nothing goes on; give the node more workers, or let handlers submit and return",
                jobs=list(islice(sorted(still), JOBS_NAMED_MAX)),
            )
        self._stalled = stalled
        self._metrics.stalled.set(stalled)
