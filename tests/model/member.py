"""A node in the model: what it runs, until when it may run it, and its own sweeper and clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Final

from scheduler.core.job import Claim
from scheduler.core.policy import fence_s
from scheduler.core.ports.store import Store
from scheduler.core.quotas.reserve import Reserve
from scheduler.node.sweeper import Retention, Sweeper
from tests.fakes import FakeClock, MemoryQueue
from tests.model.life import LOSSES_MAX
from tests.support.job_events import Counting

LEASE_S: Final = 6.0

_numbers = count(1)


class JumpingClock(FakeClock):
    """A clock whose wall-clock time can be set, while its monotonic time continues."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Member:
    """One start of one node. It keeps its lease as `scheduler.worker.lease` does."""

    def __init__(self, store: Store, *, now: float) -> None:
        self.id = f"node-{next(_numbers)}"
        self.clock = JumpingClock()
        self.clock.advance(now)
        self.labels: tuple[str, ...] = ()
        """What jobs may need there."""
        self.renewed_at = now
        """When it last renewed its lease in the store."""
        self.beats = 0
        self.running: dict[str, Claim] = {}
        """The attempts whose processes are alive."""
        self.held_until = now + fence_s(LEASE_S)
        self.sweeper = Sweeper(
            reserve=Reserve(0),
            store=store,
            queue=MemoryQueue(node_id=self.id),
            clock=self.clock,
            node_id=self.id,
            node_name=self.id,
            job_events=Counting(self.clock),
            lease_s=LEASE_S,
            losses_max=LOSSES_MAX,
            retention=Retention(0, 0),
        )

    def __repr__(self) -> str:
        return self.id

    def hold_from(self, sent: float) -> None:
        """Note that a renewal sent at that time has been answered."""
        self.held_until = sent + fence_s(LEASE_S)

    @property
    def may_run(self) -> bool:
        return self.clock.monotonic() < self.held_until
