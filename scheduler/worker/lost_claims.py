"""LostClaims: jobs that the store says this node holds, and of which nobody here knows.

    claim ──▶ store: done ──✗ the connection dies, or the answer comes too late ──▶ worker: failed

Their owner lives, so no sweeper would take them back. They are given back by their tokens: to the
queue, or aborted where that is requested. A claim that is on its way is no stray yet, and one whose
commit comes later is found later.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.settling import Settling

LOST_CLAIMS_LOOK_S: Final = 1.0
"""How often lost_claims are looked for: their users wait as long as those of a lost job would."""


class LostClaims:
    """The node's care for what it holds without knowing."""

    def __init__(
        self, *, store: Store, clock: Clock, local_jobs: LocalJobs, settling: Settling, node_id: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._local_jobs = local_jobs
        self._settling = settling
        self._node_id = node_id

    async def run(self) -> None:
        """Give lost_claims back for ever."""
        while True:
            await self._clock.sleep(LOST_CLAIMS_LOOK_S)
            with suppress(StoreUnavailable):
                await self.give_back()

    async def give_back(self) -> None:
        """Give back what is held here and expected by nobody."""
        held = await self._store.claims_of(self._node_id, but=self._local_jobs.expected)
        # Asked again, now that the store has answered: a worker that began to claim meanwhile may
        # have been faster than our look. Who is not expected now never learns of these tokens.
        for claim in [claim for claim in held if claim.id not in self._local_jobs.expected]:
            await self._settling.settle_lost(claim)
