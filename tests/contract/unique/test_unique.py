"""What the port `Store` promises about jobs with unique keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from scheduler.core.access.audit import Action, AuditFilter, AuditRecord
from scheduler.core.access.principal import Principal
from scheduler.core.errors import Conflict, QuotaExceeded, StoreUnavailable, UniqueConflict
from scheduler.core.job import (
    Cleanup,
    HoldReason,
    Job,
    NewJob,
    OnConflict,
    Order,
    Status,
)
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quota
from scheduler.service.access.audit import recorded_replacements
from scheduler.store.parts.unique import SqlUnique
from tests.contract.unique.keyed import EXISTING, REJECT, REPLACE, keyed, let_go, running, submit
from tests.support.stores import DEATH, abort, claimed, end, ids_waiting, known, later, new


async def test_a_further_job_is_answered_with_the_one_that_is_there(store: Store) -> None:
    """Whether it waits or runs; with another user, task or key it is another one."""
    first = keyed()
    await submit(store, first)
    for _ in range(2):
        inserted = await submit(store, keyed())
        assert [job.id for job in inserted.jobs] == [first.id]
        assert (inserted.created, set(inserted.found)) == (False, {first.id})
        await store.claim([first.id], node_id="a1", at=later(1))
    for other in (keyed(uid="u2"), keyed(task="task2"), keyed(key="K"), new()):
        assert (await submit(store, other)).created


async def test_it_is_there_until_it_is_over(store: Store) -> None:
    """Ended and undone: what it did may be half there."""
    claim = await running(store, keyed(undoable=True))
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    assert not (await submit(store, keyed())).created
    cleanup = await claimed(store, claim.id)
    await store.settle_cleanup(claim.id, token=cleanup.token, cleanup=Cleanup.DONE)
    assert (await submit(store, keyed())).created


async def test_a_further_job_is_refused_with_the_one_that_is_there(store: Store) -> None:
    first = keyed()
    await submit(store, first)

    with pytest.raises(UniqueConflict) as raised:
        await submit(store, new(), keyed(REJECT))
    assert raised.value.job.id == first.id
    assert await ids_waiting(store) == [first.id], "all or none"


async def test_one_that_waits_is_replaced_at_once(store: Store) -> None:
    """Nothing of it ran: the new one waits for a worker, and the old one says by whom."""
    old, fresh = keyed(), keyed(REPLACE)
    await submit(store, old)

    inserted = await submit(store, fresh)

    assert [job.id for job in inserted.replaced] == [old.id]
    job, before = await known(store, fresh.id), await known(store, old.id)
    assert (job.hold, job.replaces, job.status) == (None, None, Status.QUEUED)
    assert (before.status, before.replaced_by) == (Status.ABORTED, fresh.id)
    assert before.abort is not None
    assert (before.abort.reason, before.abort.by) == (f"replaced by {fresh.id}", "web")
    assert inserted.jobs == [job]
    assert [each.id for each in (await submit(store, keyed())).jobs] == [fresh.id]


async def test_one_that_runs_must_be_over_before_its_successor_begins(store: Store) -> None:
    """Its processes are proven dead, and it is undone."""
    claim = await running(store, keyed(undoable=True))
    fresh = keyed(REPLACE)
    (job,) = (await submit(store, fresh)).jobs
    assert job.hold is not None
    assert (job.hold.reason, job.replaces) == (HoldReason.UNIQUE, claim.id)
    assert await known(store, fresh.id) == job

    async def waits() -> bool:
        assert await let_go(store) == []
        assert await store.claim([fresh.id], node_id="a1", at=later(2)) == []
        return (await store.counts(count_max=9)).held == {"unique": 1}

    assert await waits()
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    assert await waits(), "it is dead, and not undone"
    cleanup = await claimed(store, claim.id)
    assert await waits()
    await store.settle_cleanup(claim.id, token=cleanup.token, cleanup=Cleanup.DONE)
    due_s = await store.next_due_s()
    assert due_s is not None
    assert due_s <= 0
    assert await let_go(store) == [fresh.id]
    assert (await claimed(store, fresh.id)).attempt == 1


async def test_a_result_that_came_first_lets_the_successor_go(store: Store) -> None:
    claim = await running(store, keyed())
    fresh = keyed(REPLACE)
    await submit(store, fresh)
    assert await store.settle([end(claim)]) == {claim.id: Status.SUCCESSFUL}

    assert await let_go(store) == [fresh.id]
    assert (await known(store, claim.id)).replaced_by == fresh.id


async def test_of_several_replaced_in_a_row_all_but_the_last_end_aborted(store: Store) -> None:
    """And the last one waits for the one that has begun."""
    claim = await running(store, keyed())
    jobs = [keyed(REPLACE) for _ in range(3)]
    for job in jobs:
        await submit(store, job)

    states = [(await known(store, job.id)).status for job in jobs]
    assert states == [Status.ABORTED, Status.ABORTED, Status.QUEUED]
    last = await known(store, jobs[-1].id)
    assert (last.replaces, await let_go(store)) == (claim.id, [])
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    assert await let_go(store) == [last.id]


async def test_a_successor_waits_for_its_time_and_its_deadline_begins_then(store: Store) -> None:
    claim = await running(store, keyed())
    order = Order(delay_s=3600.0, start_within_s=60.0)
    fresh = keyed(REPLACE, order=order)
    await submit(store, fresh)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])

    assert await let_go(store) == [], "its id is not to be enqueued"
    job = await known(store, fresh.id)
    assert job.hold is not None
    assert (job.hold.reason, job.hold.until) == (HoldReason.RUN_AT, job.run_at)


async def test_an_array_has_some_that_are_there_and_some_that_are_new(store: Store) -> None:
    first = keyed()
    await submit(store, first)
    other, plain = keyed(key="other"), new()

    inserted = await submit(store, other, keyed(), plain)
    assert [job.id for job in inserted.jobs] == [other.id, first.id, plain.id]
    assert (inserted.created, set(inserted.found)) == (True, {first.id})


async def test_two_jobs_of_one_call_cannot_have_one_key(store: Store) -> None:
    with pytest.raises(Conflict):
        await submit(store, keyed(), keyed())
    assert await ids_waiting(store) == []


async def test_a_repetition_is_answered_with_its_own_jobs(store: Store) -> None:
    """Also one that would replace them."""
    fresh = keyed(REPLACE)
    first = await submit(store, fresh)
    again = await submit(store, fresh)

    assert (again.created, again.jobs) == (True, first.jobs)
    assert (await known(store, fresh.id)).status is Status.QUEUED


async def test_a_repetition_of_an_array_has_what_is_there_in_its_places(store: Store) -> None:
    """One that was answered with another job is not stored, and that is no conflict."""
    first = keyed()
    await submit(store, first)
    plain, shared = new(key="i", fingerprint="f"), keyed()

    def call() -> Sequence[NewJob]:
        return [
            replace(plain, id=new().id),
            replace(shared, id=new().id, idempotency_key="i-1", fingerprint="f"),
        ]

    asked = await submit(store, *call())
    again = await submit(store, *call())
    assert [job.id for job in again.jobs] == [job.id for job in asked.jobs]
    assert (again.created, set(again.found)) == (False, {first.id})
    assert await store.stored(call()) is None, "it is not answered without a look at the keys"

    claim = await claimed(store, first.id)
    await store.settle([end(claim)])
    later_on = await submit(store, *call())
    assert later_on.jobs[0].id == asked.jobs[0].id
    assert later_on.created
    assert later_on.jobs[1].id not in {first.id, asked.jobs[0].id}
    assert (await submit(store, *call())).jobs[1].id == later_on.jobs[1].id


async def test_quotas_count_what_is_new(store: Store) -> None:
    quotas = {"u1": Quota(pattern="*", queued_max=1)}
    assert (await store.insert([keyed()], quotas=quotas)).queued == {"u1": 1}
    assert not (await store.insert([keyed()], quotas=quotas)).created
    with pytest.raises(QuotaExceeded):
        await store.insert([keyed(key="other")], quotas=quotas)


@pytest.mark.parametrize("on_conflict", [EXISTING, REPLACE])
async def test_of_many_at_once_one_is_left(store: Store, on_conflict: OnConflict) -> None:
    """Whoever is first: all others get it, or each replaces the one before."""

    async def one() -> Job | None:
        for _ in range(9):
            try:
                return (await submit(store, keyed(on_conflict))).jobs[0]
            except StoreUnavailable:
                continue
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(20)]
    found = {job.id for task in tasks if (job := task.result()) is not None}

    waiting = await ids_waiting(store)
    assert len(waiting) == 1
    assert len(found) == (1 if on_conflict is EXISTING else 20)


@pytest.mark.parametrize("successor_is_gone", [False, True])
async def test_one_who_looked_before_a_key_was_taken_looks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, successor_is_gone: bool
) -> None:
    """The look and the insertion are two steps, so the second one decides."""
    claim = await running(store, keyed())
    if successor_is_gone:
        gone = keyed(REPLACE)
        await submit(store, gone)
        await abort(store, gone.id)
    look, looks = SqlUnique.found, iter([False])

    async def found(self: SqlUnique, jobs: Sequence[NewJob]) -> Mapping[str, Job]:
        return await look(self, jobs) if next(looks, True) else {}

    monkeypatch.setattr(SqlUnique, "found", found)
    inserted = await submit(store, keyed())

    assert ([job.id for job in inserted.jobs], inserted.created) == ([claim.id], False)


def recorded_for(job: NewJob) -> Mapping[str, AuditRecord]:
    """What the service has recorded where a job replaces another one."""
    by = Principal(name="web", grants=())
    return recorded_replacements(by, [job])


async def aborts(store: Store) -> list[str | None]:
    """The targets of the aborts that are recorded, the first one first."""
    found = await store.audit.page(AuditFilter(action=Action.ABORT), limit=9)
    return [record.target for record in reversed(found)]


@pytest.mark.parametrize("runs", [False, True])
async def test_the_abort_of_what_is_replaced_is_recorded(store: Store, *, runs: bool) -> None:
    """As every other abort: with the deed, with its target, and by whom."""
    first, second = keyed(), keyed(REPLACE)
    await submit(store, first)
    if runs:
        await claimed(store, first.id)
    await store.insert([second], replacing=recorded_for(second))

    (record,) = await store.audit.page(AuditFilter(), limit=9)
    assert (record.action, record.actor, record.uid) == (Action.ABORT, "web", "u1")
    assert (record.target, record.count) == (first.id, 1)
    assert record.detail == {"reason": f"replaced by {second.id}"}


async def test_no_abort_is_recorded_where_none_is_requested(store: Store) -> None:
    """Neither where nobody has the key, nor where who has it is being aborted, or undone."""
    first = keyed(REPLACE, undoable=True)
    await store.insert([first], replacing=recorded_for(first))
    claim = await claimed(store, first.id)
    await abort(store, first.id)
    second = keyed(REPLACE)
    await store.insert([second], replacing=recorded_for(second))
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    assert await aborts(store) == []

    third = keyed(REPLACE)
    await store.insert([third], replacing=recorded_for(third))
    assert await aborts(store) == [second.id]


async def test_no_abort_is_recorded_where_nothing_is_replaced_after_all(store: Store) -> None:
    first, second, other = keyed(), keyed(REPLACE), keyed(key="other")
    await submit(store, first, other)
    with pytest.raises(UniqueConflict):
        await store.insert([second, keyed(REJECT, key="other")], replacing=recorded_for(second))
    assert await aborts(store) == []


async def test_a_queued_job_can_be_replaced_at_the_limit(store: Store) -> None:
    """There are no more queued jobs than before; and an abort is never limited."""
    quotas = {"u1": Quota(pattern="*", queued_max=2)}
    await store.insert([keyed(), new()], quotas=quotas)
    for _ in range(3):
        latest = keyed(REPLACE)
        inserted = await store.insert([latest], quotas=quotas)
        assert inserted.queued == {"u1": 2}
        assert len(inserted.replaced) == 1
    with pytest.raises(QuotaExceeded):
        await store.insert([keyed(REPLACE), new()], quotas=quotas)
    with pytest.raises(QuotaExceeded):
        await store.insert([keyed(REPLACE, key="other")], quotas=quotas)
    assert (await known(store, latest.id)).status is Status.QUEUED


async def test_what_replaces_a_running_job_counts_as_queued(store: Store) -> None:
    quotas = {"u1": Quota(pattern="*", queued_max=1)}
    first = await running(store, keyed())
    await submit(store, new())
    with pytest.raises(QuotaExceeded):
        await store.insert([keyed(REPLACE)], quotas=quotas)
    assert (await known(store, first.id)).abort is None, "nothing is half there"


async def test_more_than_the_limit_does_not_become_room_by_a_replacement(store: Store) -> None:
    """Jobs that are queued again, or a lower limit, may have brought it about."""
    await submit(store, keyed(), *(new() for _ in range(5)))
    with pytest.raises(QuotaExceeded):
        await store.insert([keyed(REPLACE)], quotas={"u1": Quota(pattern="*", queued_max=2)})


async def test_a_repetition_at_the_limit_gets_its_answer_though_both_come_at_once(
    store: Store,
) -> None:
    """It looked before the first was stored, and was counted after that."""
    quotas = {"u1": Quota(pattern="*", queued_max=1)}
    job = replace(keyed(), idempotency_key="i", fingerprint="f")
    again = replace(keyed(), idempotency_key="i", fingerprint="f")
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(store.insert([each], quotas=quotas)) for each in (job, again)]
    first, second = (each.result() for each in both)
    assert first.jobs[0].id == second.jobs[0].id
