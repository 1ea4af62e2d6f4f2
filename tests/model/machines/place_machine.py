"""The store's model with labels: nodes that have some, and jobs that need some.

A job that needs one goes only to members that have it, whatever ids they come with; all else is as
for any job, and a node with all labels ends what is left.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from scheduler.core.job import Order
from tests.model.life import Life
from tests.model.machines.pause_machine import PauseMachine
from tests.model.machines.store_machine import JOBS_MAX, LABELS, MEMBERS_MAX, StoreMachine
from tests.model.member import Member
from tests.support.stores import new

UID: Final = "u1"
NEEDS: Final = st.sampled_from([LABELS[:1], LABELS[1:], LABELS])


class PlaceMachine(PauseMachine):
    """Several nodes with and without labels on a store."""

    @precondition(lambda self: len(self.up) < MEMBERS_MAX)
    @rule(target=StoreMachine.members, labels=NEEDS)
    def start_labelled(self, labels: tuple[str, ...]) -> Member:
        """It keeps its labels when it registers again; a member that starts has others."""
        member = Member(self.store, now=self.now)
        member.labels = labels
        self.up[member.id] = member
        self._register(member)
        return member

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=StoreMachine.jobs, needs=NEEDS, undoable=st.booleans())
    def insert_needing(self, needs: tuple[str, ...], undoable: bool) -> str:  # noqa: FBT001
        job = new(UID, undoable=undoable, order=Order(needs=needs))
        self.run(self.store.insert([job]))
        self._live(Life(job.id, undoable, needs=needs))
        return job.id
