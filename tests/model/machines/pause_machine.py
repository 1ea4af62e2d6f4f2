"""The store's model with pauses: after the answer of one, nothing is claimed that it covers.

All jobs are of one task and one user, and all nodes have one name: so each pause covers them all,
and two of them overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from scheduler.core.job import Status
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Store
from tests.model.effort import Run
from tests.model.life import Life
from tests.model.machines.retry_machine import RetryMachine
from tests.model.machines.store_machine import ALL, UID, StoreMachine

KEYS: Final = {
    PauseKind.TASK: PauseKey(PauseKind.TASK, "task1"),
    PauseKind.UID: PauseKey(PauseKind.UID, UID),
    PauseKind.NODE: PauseKey(PauseKind.NODE, "node-a"),
}
OF_JOBS: Final = {PauseKind.TASK, PauseKind.UID}
KINDS: Final = st.sampled_from(PauseKind)


class PauseMachine(RetryMachine):
    """Several nodes on a store, and operators who pause and resume."""

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__(store, run)
        self.paused: set[PauseKind] = set()
        self.ended: set[PauseKind] = set()
        """Those of which held jobs may be left."""

    @rule(kind=KINDS, reason=st.sampled_from([None, "a", "b"]))
    def pause(self, kind: PauseKind, reason: str | None) -> None:
        put = self.run(self.store.pauses.put(KEYS[kind], reason=reason, until=None, by=None))
        assert put.pause is not None
        assert put.pause.reason == reason
        self.paused.add(kind)
        self.ended.discard(kind)

    @rule(kind=KINDS)
    def resume(self, kind: PauseKind) -> None:
        ended = self.run(self.store.pauses.end(KEYS[kind]))
        assert (ended is not None) == (kind in self.paused)
        if ended is not None:
            self.paused.remove(kind)
            self.ended.add(kind)

    @rule(job_ids=st.lists(StoreMachine.jobs), ahead_max=st.sampled_from([0, ALL]))
    def meet(self, job_ids: Sequence[str], ahead_max: int) -> None:
        """A worker was refused them, or their ids are stale."""
        waiting = {life.id for life in self.lives.values() if life.queued}
        met = waiting & set(job_ids) if self.paused & OF_JOBS else set()
        held = {each.id for each in self.run(self.store.pauses.hold(job_ids, ahead_max=ahead_max))}
        # Ahead are those of the user that need nothing, and those of a lane in which one was met.
        needs = sorted(needed for each in met if (needed := self.lives[each].needs))
        lanes = {(), *needs[:1]}
        ahead = {each for each in waiting if self.lives[each].needs in lanes}
        assert held == (met | ahead if met and ahead_max else met)
        for job_id in held:
            self.lives[job_id].parked = True

    @rule(kind=KINDS, limit=st.sampled_from([1, ALL]))
    def let_go(self, kind: PauseKind, limit: int) -> None:
        """Any node may try it for any pause, at any time."""
        parked = {life.id for life in self.lives.values() if life.parked}
        free = parked if kind in self.ended & OF_JOBS and not self.paused & OF_JOBS else set()
        freed = {each.id for each in self.run(self.store.pauses.let_go(KEYS[kind], limit=limit))}
        assert freed <= free, "a job was let go that is paused"
        assert len(freed) == min(len(free), limit)
        for job_id in freed:
            self.lives[job_id].parked = False
        forgotten = self.run(self.store.pauses.forget(KEYS[kind]))
        assert forgotten == (kind in self.ended and freed == free)
        if forgotten:
            self.ended.remove(kind)

    def _live(self, life: Life) -> Life:
        life.parked = bool(self.paused & OF_JOBS) and not life.held
        return super()._live(life)

    def _may_begin(self, life: Life) -> bool:
        return not self.paused or life.status is not Status.QUEUED

    async def _end_all(self) -> None:
        """Once all is resumed, what was paused ends like all else."""
        for key in KEYS.values():
            await self.store.pauses.end(key)
        for key in KEYS.values():
            while await self.store.pauses.let_go(key, limit=1):
                pass
            await self.store.pauses.forget(key)
        assert not await self.store.pauses.ended(limit=ALL)
        await super()._end_all()
