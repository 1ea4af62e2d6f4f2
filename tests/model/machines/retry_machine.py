"""The store's model with attempts that fail: never more than a job may use up, none after an abort.

The real rule decides whether another attempt follows, from the claim alone; the model counts.
"""

from __future__ import annotations

from random import Random
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from scheduler.core.job import Claim, Order, Raised
from scheduler.core.policy import conclude
from scheduler.core.retries.deciding import Ended, another
from tests.model.life import Life
from tests.model.machines.order_machine import FAR_S, OrderMachine
from tests.model.machines.store_machine import JOBS_MAX, UID, StoreMachine
from tests.model.member import Member
from tests.support.stores import new

ALLOWED: Final = (1, 2, 3)
RANDOM: Final = Random(1)  # noqa: S311 - the pauses are the handler's own


class RetryMachine(OrderMachine):
    """Several nodes on a store whose jobs fail, and may be tried again."""

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=StoreMachine.jobs, allowed=st.sampled_from(ALLOWED), undoable=st.booleans())
    def insert_retried(self, allowed: int, undoable: bool) -> str:  # noqa: FBT001 - hypothesis'
        job = new(UID, undoable=undoable, order=Order(max_attempts=allowed))
        self.run(self.store.insert([job]))
        self._live(Life(job.id, undoable, max_attempts=allowed))
        return job.id

    @rule(of=StoreMachine.held, far=st.booleans())
    def fail(self, of: tuple[Member, Claim], far: bool) -> None:  # noqa: FBT001 - hypothesis'
        """The handler raised, in any earlier claim: its node may have settled it before."""
        member, claim = of
        if member.id not in self.up or not self._ended(member, claim):
            return
        life = self.lives.get(claim.id)
        holds = life is not None and life.holds(claim.token)
        at = member.clock.now()
        outcome = Raised(type="E", message="", traceback="", after_s=FAR_S if far else 0.0)
        again = another(Ended(claim, outcome), random=RANDOM)
        end = conclude(claim, outcome, at=at, progress=None, again=again)
        assert bool(self.run(self.store.settle([end]))) == holds
        if life is not None and holds:
            allowed = life.max_attempts or 1
            assert (again is not None) == (life.used + 1 < allowed), "too many attempts, or too few"
            life.fail(again=again is not None, due=not far, at=at)
        self._pass_a_moment()
