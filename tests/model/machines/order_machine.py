"""The store's model with all that decides when a job may run: times, priorities, deadlines.

The store's clock goes on by itself and cannot be set, while those of the nodes are hours wrong: so
a time is either past, or a tenth of a day ahead. A rule that makes a time past waits until it is.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from scheduler.core.job import Order, Status
from scheduler.core.ports.store import Retiming
from scheduler.core.quotas.quota import Quota, Quotas
from tests.model.life import Life
from tests.model.machines.store_machine import ALL, JOBS_MAX, UID, StoreMachine
from tests.model.member import Member
from tests.support.stores import ids_in_turn, new

SOON_S: Final = 0.001
PAST_S: Final = 0.003
"""By then the store's clock says that it is so, too."""
FAR_S: Final = 9_000.0
PRIORITIES: Final = (-60, 0, 60)


class OrderMachine(StoreMachine):
    """Several nodes on a store whose jobs wait for times, and must begin in time."""

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=StoreMachine.jobs, far=st.booleans(), priority=st.sampled_from(PRIORITIES))
    def insert_delayed(self, far: bool, priority: int) -> str:  # noqa: FBT001 - hypothesis'
        order = Order(delay_s=FAR_S if far else SOON_S, priority=priority)
        return self._ordered(order, Life("", undoable=False, held=True, due=not far))

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=StoreMachine.jobs, late=st.booleans())
    def insert_urgent(self, late: bool) -> str:  # noqa: FBT001 - hypothesis'
        order = Order(start_within_s=SOON_S if late else FAR_S)
        return self._ordered(order, Life("", undoable=False, late=late))

    @rule(limit=st.sampled_from([1, ALL]))
    def promote(self, limit: int) -> None:
        """By the store's clock alone."""
        due = {life.id for life in self.lives.values() if life.held and life.due}
        promoted = {each.id for each in self.run(self.store.promote(limit=limit))}
        assert promoted <= due, "a job was let go before its time"
        assert len(promoted) == min(len(due), limit)
        for job_id in promoted:
            self.lives[job_id].held = False

    @rule(target=StoreMachine.held, member=StoreMachine.members, most=st.integers(1, 2))
    def claim_within(self, member: Member, most: int) -> Any:  # noqa: ANN401 - hypothesis'
        """Never more than may run, the first in turn, and all that may; clean-ups besides."""
        ids = [each for each in self.run(ids_in_turn(self.store)) if self._takes(member, each)]
        running = sum(life.status is Status.RUNNING for life in self.lives.values())
        may = [each for each in ids if self.lives[each].claimable]
        runs = [each for each in may if self.lives[each].queued]
        free = [each for each in runs if self._may_begin(self.lives[each])]
        begin = free[: max(0, most - running)]
        beyond = set(runs) - set(begin)
        found = self.run(
            self.store.claim_within(
                ids[::-1],
                node_id=member.id,
                at=member.clock.now(),
                quotas=Quotas([Quota(pattern="*", running_max=most)]),
            )
        )
        cleans = set(may) - set(runs)
        known = self._known(member)
        assert {claim.id for claim in found.claims} == ({*begin, *cleans} if known else set())
        assert not known or {job.id for job in found.beyond} == beyond
        for claim in found.claims:
            self._claimed(member, claim)
        return multiple(*self._begun(member, found.claims))

    @rule(limit=st.sampled_from([1, ALL]))
    def expire(self, limit: int) -> None:
        late = {life.id for life in self.lives.values() if life.expires}
        ended = set(self.run(self.store.expire(limit=limit)))
        assert ended <= late, "a job was ended that is in time, or has begun"
        assert len(ended) == min(len(late), limit)
        for job_id in ended:
            job = self.run(self.store.get(job_id))
            self.lives[job_id].expire(job.finished_at)

    @rule(
        job_id=StoreMachine.jobs,
        priority=st.sampled_from([None, *PRIORITIES]),
        far=st.sampled_from([None, True, False]),
        strangers=st.sampled_from([False, False, True]),
    )
    def reorder(
        self,
        job_id: str,
        priority: int | None,
        far: bool | None,  # noqa: FBT001 - hypothesis'
        strangers: bool,  # noqa: FBT001
    ) -> None:
        """A job that is let go has a new deadline; one that runs or has ended stays as it is."""
        ahead = datetime.now(UTC) + timedelta(seconds=FAR_S)
        retiming = None if far is None else Retiming(ahead if far else None)
        uid = "u2" if strangers else UID
        found = self.run(self.store.reorder(job_id, uid=uid, priority=priority, retiming=retiming))
        life = self.lives.get(job_id)
        if life is None or strangers:
            assert found is None
            return
        if life.status is not Status.QUEUED:
            assert not found.changed
            return
        life.priority = life.priority if priority is None else priority
        if far is not None:
            life.held, life.due, life.parked = far, False, life.parked and not far
        self._pass_a_moment()

    def _ordered(self, order: Order, life: Life) -> str:
        job = new(UID, order=order)
        life.id, life.priority = job.id, order.priority
        inserted = self.run(self.store.insert([job], claimer=next(iter(self.up), None)))
        self._live(life)
        assert (inserted.jobs[0].hold is not None) == (life.held or life.parked)
        for claim in inserted.claims:
            assert not life.held, "a job was claimed before its time"
            assert self._may_begin(life), "a job was claimed that is paused"
            self._claimed(self.up[next(iter(self.up))], claim)
        self._pass_a_moment()
        return job.id

    def _pass_a_moment(self) -> None:
        """Let what is due soon be due for sure."""
        self.run(asyncio.sleep(PAST_S))
