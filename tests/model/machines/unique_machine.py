"""Jobs with unique keys, on a store whose nodes die and lose answers.

    rule ──▶ jobs are submitted, several at once, claimed, ended, tried again, aborted, taken back
             and let go, in any order

At any time, of the jobs with one key at most one has begun and is not over, and at most one is
there that was not replaced. Whoever is answered with another job is answered with one that is not
over. At the end none is left waiting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scheduler.core.errors import StoreUnavailable, UniqueConflict
from scheduler.core.job import (
    Again,
    AttemptOutcome,
    Claim,
    Cleanup,
    Job,
    NewJob,
    OnConflict,
    Purpose,
    Status,
    Unique,
)
from scheduler.core.ports.store import Inserted, Store
from tests.model.effort import Run
from tests.support.stores import AT, DEATH, end, ids_waiting, later, new, node

ALL: Final = 10_000
KEYS: Final = ("a", "b")
LOSSES_MAX: Final = 2
NODES: Final = ("a1", "a2")
OFTEN: Final = st.sampled_from([True, True, False])
SELDOM: Final = st.sampled_from([False, False, False, True])
CONFLICTS: Final = st.sampled_from([*OnConflict, OnConflict.REPLACE])


class UniqueMachine(RuleBasedStateMachine):
    """Users, nodes and promoters on a store that is empty at the start and at the end."""

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self.claims: dict[str, Claim] = {}
        for name in NODES:
            self.run(self.store.register(node(name)))

    @rule(
        key=st.sampled_from(KEYS),
        conflicts=st.lists(CONFLICTS, min_size=1, max_size=3),
        undoable=SELDOM,
        again=SELDOM,
        begins=OFTEN,
    )
    def submit(
        self,
        key: str,
        conflicts: Sequence[OnConflict],
        undoable: bool,  # noqa: FBT001
        again: bool,  # noqa: FBT001
        begins: bool,  # noqa: FBT001
    ) -> None:
        """Several at once; of some, the answer is lost."""
        news = [
            replace(new(undoable=undoable), unique=Unique(key, on_conflict))
            for on_conflict in conflicts
        ]
        before = {job.id: job for job in self.run(self._all()) if not job.over}
        answers = self.run(self._submit_all(news))
        if again:
            self.run(self._submit_all(news))
        found = [job_id for inserted in answers for job_id in inserted.found]
        assert set(found) <= before.keys() | {each.id for each in news}
        if begins:
            self._claim(NODES[0])

    async def _submit_all(self, news: Sequence[NewJob]) -> Sequence[Inserted]:
        async def one(job: NewJob) -> Inserted | None:
            with suppress(UniqueConflict, StoreUnavailable):
                return await self.store.insert([job])
            return None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in news]
        return [answer for task in tasks if (answer := task.result()) is not None]

    @rule(name=st.sampled_from(NODES), lets_go=OFTEN, lost=SELDOM)
    def claim(self, name: str, lets_go: bool, lost: bool) -> None:  # noqa: FBT001 - hypothesis'
        if lets_go:
            self.run(self._let_go(1))
        self._claim(name, lost=lost)

    def _claim(self, name: str, *, lost: bool = False) -> None:
        """Of all that is there: an id in the queue may be stale."""
        ids = [job.id for job in self.run(self._all())]
        claims = self.run(self.store.claim(ids, node_id=name, at=later(1)))
        if not lost:
            self.claims |= {claim.id: claim for claim in claims}

    @rule(number=st.integers(0, 2), how=st.sampled_from(["ends", "dies", "dies", "fails"]))
    def settle(self, number: int, how: str) -> None:
        for claim in list(self.claims.values())[number : number + 1]:
            del self.claims[claim.id]
            self.run(self._end(claim, how))

    async def _end(self, claim: Claim, how: str) -> None:
        if claim.purpose is Purpose.CLEAN:
            cleanup = Cleanup.PENDING if how == "fails" else Cleanup.DONE
            await self.store.settle_cleanup(claim.id, token=claim.token, cleanup=cleanup)
            return
        job = await self.store.get(claim.id)
        if how == "fails":
            again = Again(outcome=AttemptOutcome.TERMINATED, after_s=3600)
            await self.store.settle([replace(end(claim, Status.QUEUED, death=DEATH), again=again)])
        elif how == "dies" and job is not None and job.abort is not None:
            await self.store.settle([end(claim, Status.ABORTED, death=DEATH)])
        else:
            await self.store.settle([end(claim)])

    @rule(number=st.integers(0, 2))
    def abort(self, number: int) -> None:
        """One of the newest: perhaps one that waits for another one to be over."""
        there = [job.id for job in self.run(self._all()) if not job.over]
        for job_id in there[number : number + 1]:
            self.run(self._abort(job_id))

    async def _abort(self, job_id: str) -> None:
        await self.store.request_abort(job_id, uid="u1", reason="enough", grace_s=None, at=later(2))

    @rule(name=st.sampled_from(NODES))
    def die(self, name: str) -> None:
        """A node dies; another one of its name comes."""
        self.run(self.store.bury(name))
        self.run(self.store.release_orphans(losses_max=LOSSES_MAX, at=later(3)))
        self.run(self.store.register(node(name)))

    @rule(number=st.integers(1, 3))
    def let_go(self, number: int) -> None:
        """By some nodes at once."""
        self.run(self._let_go(number))

    async def _let_go(self, number: int) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.store.let_go_unique(limit=ALL)) for _ in range(number)]
        told = [job.id for task in tasks for job in task.result().waiting]
        assert len(told) == len(set(told)), "two were told of one job"

    async def _all(self) -> Sequence[Job]:
        return await self.store.page("u1", limit=ALL, bytes_max=ALL * ALL)

    @invariant()
    def of_each_key_one_job_is_there(self) -> None:
        there = [job for job in self.run(self._all()) if not job.over]
        begun = Counter(job.unique for job in there if job.attempt > 0)
        held = Counter(job.unique and job.unique.key for job in there if job.replaced_by is None)
        by_key = Counter[str]()
        for unique, number in begun.items():
            by_key[unique.key if unique is not None else ""] += number
        assert all(number == 1 for number in by_key.values()), "two of one key at once"
        assert all(number == 1 for number in held.values()), "two have one key"

    def teardown(self) -> None:
        self.run(self._end_all())

    async def _end_all(self) -> None:
        store = self.store
        for name in NODES:
            await store.bury(name)
        await store.register(node("last"))
        for job in await self._all():
            if job.hold is not None and job.hold.until is not None:
                await self._abort(job.id)
        while True:
            await store.release_orphans(losses_max=ALL, at=later(4))
            await store.let_go_unique(limit=ALL)
            claims = await store.claim(await ids_waiting(store), node_id="last", at=AT)
            if not claims:
                break
            for claim in claims:
                await self._end(claim, "dies")
        for job in await self._all():
            assert job.over, f"left waiting: {job}"
        assert await store.next_due_s() is None
        await store.bury("last")
        await store.delete_finished(before=datetime.max.replace(tzinfo=UTC), limit=ALL)
        assert not await self._all()
