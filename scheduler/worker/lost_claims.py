"""Lost claims: jobs that the store says this node owns, and that the node knows nothing of.

    claim ──▶ store: done ──✗ the connection dies, or the answer comes too late ──▶ worker: failed

Their owner lives, so no sweeper would take them back. They are given back by their tokens: to the
queue, or aborted where that is requested. A claim whose answer is still awaited is not lost, and
one whose commit comes later is found later.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.settling import Settling

LOST_CLAIMS_LOOK_S: Final = 1.0
"""How often lost claims are looked for: their users wait that long."""


class LostClaims:
    """Gives back what this node owns without knowing."""

    def __init__(
        self, *, store: Store, clock: Clock, lease: Lease, local_jobs: LocalJobs, settling: Settling
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._local_jobs = local_jobs
        self._settling = settling

    async def run(self) -> None:
        """Give lost claims back, for ever."""
        while True:
            await self._clock.sleep(LOST_CLAIMS_LOOK_S)
            with suppress(StoreUnavailable):
                await self.give_back()

    async def give_back(self) -> None:
        """Give back the jobs that this node owns and that nobody here tracks."""
        node_id, local_jobs = self._lease.node.id, self._local_jobs
        owned = await self._store.claims_of(node_id, but=local_jobs.tracked)
        # Checked again, now that the store has answered: a worker may have begun to claim such a
        # job meanwhile. Who does not track it now never learns of this token.
        for claim in [claim for claim in owned if claim.id not in local_jobs.tracked]:
            await self._settling.settle_lost(claim)
