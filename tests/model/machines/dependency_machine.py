"""Random graphs of jobs that wait for each other, on a store whose nodes die and lose answers.

    rule ──▶ jobs are stored, claimed, ended, aborted, taken back, resolved: in any order
             resolving is done by several at once, in steps of any size, and cut short anywhere

At any time, what has begun comes after jobs that are over, and that ended as it says. At the end
all are resolved: then each job has ended as those before it say, and none is left waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from scheduler.core.dependencies.declaration import After, AfterIf, Predecessor
from scheduler.core.job import (
    FINAL,
    Claim,
    Cleanup,
    Failure,
    FailureKind,
    HoldReason,
    Job,
    NewJob,
    Purpose,
    Status,
)
from scheduler.core.ports.store import Store
from tests.model.effort import Run
from tests.support.stores import AT, DEATH, end, ids_of, ids_waiting, later, new, node

ALL: Final = 10_000
LOSSES_MAX: Final = 2
NODES: Final = ("a1", "a2")
RAISED: Final = Failure(kind=FailureKind.EXCEPTION, message="no")
ENDS: Final = st.sampled_from(
    [Status.SUCCESSFUL, Status.SUCCESSFUL, Status.TERMINATED, Status.QUEUED]
)
SELDOM: Final = st.sampled_from([False, False, False, True])


@dataclass
class Known:
    """What the model knows of a job."""

    after: After | None
    ended: bool = False
    """Whether its own attempt, its user or its nodes ended it: not its predecessors."""


class DependencyMachine(RuleBasedStateMachine):
    """Users, nodes and promoters on a store that is empty at the start and at the end."""

    jobs = Bundle("jobs")

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self.known: dict[str, Known] = {}
        self.claims: dict[str, Claim] = {}
        for name in NODES:
            self.run(self.store.register(node(name)))

    @rule(
        target=jobs,
        there=st.lists(jobs, max_size=3, unique=True),
        links=st.lists(st.sets(st.integers(0, 2), max_size=3), min_size=1, max_size=3),
        condition=st.sampled_from(AfterIf),
        undoable=SELDOM,
        again=SELDOM,
    )
    def insert(
        self,
        there: Sequence[str],
        links: Sequence[set[int]],
        condition: AfterIf,
        undoable: bool,  # noqa: FBT001
        again: bool,  # noqa: FBT001
    ) -> Any:  # noqa: ANN401 - hypothesis'
        """An array: each job comes after some of those before it, the first after some stored."""
        stored = [each for each in there if self.run(self.store.get(each)) is not None]
        ids = [new(undoable=undoable) for _ in links]
        batch = list[NewJob]()
        for number, (job, wanted) in enumerate(zip(ids, links, strict=True)):
            before = [ids[link].id for link in sorted(wanted) if link < number]
            names = [*(stored if number == 0 else ()), *before]
            after = After(tuple(map(Predecessor, names)), condition) if names else None
            batch.append(_with(job, after))
        awaited = {name for job in batch if job.after is not None for name in job.after.ids}
        batch = [_with(job, job.after, awaited=job.id in awaited) for job in batch]
        self.run(self.store.insert(batch))
        if again:  # the answer was lost
            self.run(self.store.insert(batch))
        for job in batch:
            self.known[job.id] = Known(job.after)
        return multiple(*(job.id for job in batch))

    @rule(name=st.sampled_from(NODES), number=st.integers(1, 3), lost=SELDOM)
    def claim(self, name: str, number: int, lost: bool) -> None:  # noqa: FBT001 - hypothesis'
        waiting = self.run(ids_waiting(self.store))
        others = [each for each in self.known if each not in waiting]
        wanted = [*waiting[:number], *others]
        claims = self.run(self.store.claim(wanted, node_id=name, at=later(1)))
        assert {claim.id for claim in claims} <= set(waiting), "a held job was claimed"
        if not lost:
            self.claims |= {claim.id: claim for claim in claims}

    @rule(job_id=jobs, status=ENDS)
    def settle(self, job_id: str, status: Status) -> None:
        claim = self.claims.pop(job_id, None)
        if claim is not None:
            self.run(self._end(claim, status))

    async def _end(self, claim: Claim, status: Status) -> None:
        if claim.purpose is Purpose.CLEAN:
            cleanup = Cleanup.DONE if status is not Status.QUEUED else Cleanup.PENDING
            await self.store.settle_cleanup(claim.id, token=claim.token, cleanup=cleanup)
            return
        error = RAISED if status is Status.TERMINATED else None
        settled = await self.store.settle([end(claim, status, error=error, death=DEATH)])
        if settled.get(claim.id) in FINAL:
            self.known[claim.id].ended = True

    @rule(job_id=jobs)
    def abort(self, job_id: str) -> None:
        before = self.run(self.store.get(job_id))
        job = self.run(
            self.store.request_abort(job_id, uid="u1", reason="enough", grace_s=None, at=later(2))
        )
        if before is not None and before.status not in FINAL and job.status in FINAL:
            self.known[job_id].ended = True

    @rule(name=st.sampled_from(NODES))
    def die(self, name: str) -> None:
        """A node dies; another one of its name comes."""
        self.run(self.store.bury(name))
        ended = self.run(self.store.release_orphans(losses_max=LOSSES_MAX, at=later(3))).ended
        for job_id in ended:
            self.known[job_id].ended = True
        self.run(self.store.register(node(name)))

    @rule(limits=st.lists(st.sampled_from([1, 2, ALL]), min_size=1, max_size=3))
    def resolve(self, limits: Sequence[int]) -> None:
        """Some nodes at once."""
        self.run(self._resolve_at_once(limits))

    @rule(turns=st.integers(0, 12))
    def resolve_and_die(self, turns: int) -> None:
        self.run(self._resolve_and_die(turns))

    async def _resolve_at_once(self, limits: Sequence[int]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.store.dependencies.resolve(limit=limit)) for limit in limits
            ]
        told = [
            job_id
            for task in tasks
            for job_id in (*ids_of(task.result().freed), *(job.id for job in task.result().aborted))
        ]
        assert len(told) == len(set(told)), "two were told of one job"

    async def _resolve_and_die(self, turns: int) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.store.dependencies.resolve(limit=ALL))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()

    @rule()
    def delete_old(self) -> None:
        before = {job.id: job for job in self.run(self._all())}
        self.run(self.store.delete_finished(before=later(10**6), limit=ALL))
        gone = before.keys() - {job.id for job in self.run(self._all())}
        for job in before.values():
            if job.status not in FINAL and job.after is not None:
                assert not gone & set(job.after.ids), "a predecessor was deleted too soon"

    async def _all(self) -> Sequence[Job]:
        return await self.store.page("u1", limit=ALL, bytes_max=ALL * ALL)

    @invariant()
    def what_has_begun_comes_after_what_is_over(self) -> None:
        found = {job.id: job for job in self.run(self._all())}
        for job in found.values():
            held = job.hold is not None and job.hold.reason == HoldReason.AFTER
            before = [found[each] for each in _ids(self.known[job.id].after) if each in found]
            if job.attempt or (job.status is Status.QUEUED and not held):
                assert all(each.over for each in before)
                assert not _doomed(self.known[job.id].after, before)
            if job.status is Status.ABORTED and not self.known[job.id].ended:
                assert _doomed(self.known[job.id].after, before) or len(before) < len(
                    _ids(self.known[job.id].after)
                )
                assert job.abort is not None
                assert (job.abort.reason or "").startswith("predecessor ")

    def teardown(self) -> None:
        self.run(self._end_all())

    async def _end_all(self) -> None:
        store = self.store
        for name in NODES:
            await store.bury(name)
        await store.register(node("last"))
        while True:
            for job_id in (await store.release_orphans(losses_max=ALL, at=later(4))).ended:
                self.known[job_id].ended = True
            while (await store.dependencies.resolve(limit=ALL)).done:
                pass
            claims = await store.claim(await ids_waiting(store), node_id="last", at=AT)
            if not claims:
                break
            for claim in claims:
                await self._end(claim, Status.SUCCESSFUL)
        found = await self._all()
        for job in found:
            assert job.over, f"left waiting: {job}"
            assert self.known[job.id].ended == (
                job.abort is None or not (job.abort.reason or "").startswith("predecessor ")
            )
        assert await store.next_due_s() is None
        await store.bury("last")
        await store.delete_finished(before=datetime.max.replace(tzinfo=UTC), limit=ALL)
        assert not await self._all()


def _with(job: NewJob, after: After | None, *, awaited: bool = False) -> NewJob:
    return replace(job, after=after, awaited=awaited)


def _ids(after: After | None) -> Sequence[str]:
    return () if after is None else after.ids


def _doomed(after: After | None, before: Sequence[Job]) -> bool:
    """Whether one of these that is over did not end as it has to."""
    if after is None or after.condition is AfterIf.END:
        return False
    return any(job.over and job.status is not Status.SUCCESSFUL for job in before)
