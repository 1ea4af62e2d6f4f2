"""Lost claims: jobs that this node owns in the store, although it does not know of them.

    claim ──▶ store: done ──✗ the connection dies, or the answer comes too late ──▶ worker: failed

Their owner lives, so no sweeper would release them. They are given back with their tokens: to the
queue, or aborted where that is requested. A claim whose answer is still awaited is not lost; one
that is committed later is found later.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.settlements.settling import Settling

LOST_CLAIMS_LOOK_S: Final = 1.0
"""How often to look for lost claims: their users wait that long."""


class LostClaims:
    """Finds lost claims and gives them back."""

    def __init__(
        self, *, store: Store, clock: Clock, lease: Lease, local_jobs: LocalJobs, settling: Settling
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._local_jobs = local_jobs
        self._settling = settling

    async def run(self) -> None:
        """Look for lost claims and give them back, for ever."""
        while True:
            await self._clock.sleep(LOST_CLAIMS_LOOK_S)
            with suppress(StoreUnavailable):
                await self.give_back()

    async def give_back(self) -> None:
        """Give back the jobs that this node owns but does not track."""
        node_id, local_jobs = self._lease.node.id, self._local_jobs
        owned = await self._store.claims_of(node_id, but=local_jobs.tracked)
        # Checked again after the answer of the store: a worker may have begun to claim such a job
        # meanwhile. If none tracks it now, none will ever learn of this token.
        for claim in [claim for claim in owned if claim.id not in local_jobs.tracked]:
            await self._settling.settle_lost(claim)
