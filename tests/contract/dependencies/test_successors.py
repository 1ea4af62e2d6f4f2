"""What the port `DependencyStore` promises about jobs that wait for other jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.core.dependencies.declaration import After, AfterIf, Predecessor
from scheduler.core.errors import NoSuchPredecessors
from scheduler.core.job import (
    NOTHING_RAN,
    Cleanup,
    CleanupTries,
    Failure,
    FailureKind,
    HoldReason,
    Job,
    JsonText,
    Order,
    Rerun,
    Status,
)
from scheduler.core.ports.store import Store
from tests.support.stores import (
    DEATH,
    abort,
    after,
    claimed,
    cleaning,
    end,
    ids_of,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
    running,
)

ROUNDS = 10
FAILURE = Failure(kind=FailureKind.EXCEPTION, message="no")


async def inserted(store: Store, **wanted: object) -> Job:
    (job,) = (await store.insert([new(**wanted)])).jobs  # type: ignore[arg-type]
    return job


async def behind(store: Store, *ids: str, if_: AfterIf = AfterIf.SUCCESS, **wanted: object) -> Job:
    """Insert a job that waits for others."""
    return await inserted(store, after=after(*ids, if_=if_), **wanted)


async def resolve(store: Store) -> tuple[list[str], list[str]]:
    """Resolve until nothing is left; the ids of jobs that were let go, and that were aborted."""
    freed, aborted = list[str](), list[str]()
    while (resolved := await store.dependencies.resolve(limit=100)).done:
        freed += [*ids_of(resolved.freed), *ids_of(resolved.timed)]
        aborted += [job.id for job in resolved.aborted]
    return freed, aborted


async def ended(store: Store, job_id: str, status: Status = Status.SUCCESSFUL) -> None:
    """Claim a job and end it."""
    claim = await claimed(store, job_id)
    if status is Status.ABORTED:
        await abort(store, job_id)
    error = FAILURE if status is Status.TERMINATED else None
    await store.settle([end(claim, status, error=error, death=DEATH)])


async def test_a_job_waits_for_another_one_and_says_so(store: Store) -> None:
    first = await queued(store)

    job = await behind(store, first)

    assert job.hold is not None
    assert (job.hold.reason, job.hold.until) == (HoldReason.AFTER, None)
    assert (job.status, job.eligible_at) == (Status.QUEUED, None)
    assert job.after == after(first)
    assert await known(store, job.id) == job
    predecessor = await known(store, first)
    assert predecessor.awaited is True
    assert await ids_waiting(store) == [first]
    assert await store.dependencies.successors(first, uid="u1", limit=9) == [job.id]
    assert await store.dependencies.successors(first, uid="u2", limit=9) == []


async def test_a_job_that_waits_for_another_one_is_never_claimed(store: Store) -> None:
    """An id in the queue may be stale: the claim decides."""
    first = await queued(store)
    job = await behind(store, first)
    await store.register(node())

    assert await store.claim([job.id], node_id="a1", at=later(1)) == []
    assert not (await store.insert([new(after=after(first))], claimer="a1")).claims
    assert (await store.insert([new()], claimer="a1")).claims


async def test_the_success_of_its_predecessor_lets_a_job_go(store: Store) -> None:
    first = await queued(store)
    job = await behind(store, first, order=Order(priority=60))
    assert await resolve(store) == ([], [])

    await ended(store, first)

    assert await store.next_due_s() == 0
    assert store.due.is_set()
    assert await resolve(store) == ([job.id], [])
    freed = await known(store, job.id)
    assert freed.hold is None
    assert freed.eligible_at is not None
    assert freed.eligible_at > job.created_at
    assert freed.revision == job.revision + 1
    assert freed.turn_at == freed.eligible_at - timedelta(seconds=60)
    assert await ids_waiting(store) == [job.id]
    assert await store.next_due_s() is None
    assert (await claimed(store, job.id)).after == job.after


async def test_all_predecessors_have_to_be_over(store: Store) -> None:
    ids = [await queued(store) for _ in range(3)]
    job = await behind(store, *ids)

    for job_id in ids[1:]:
        await ended(store, job_id)
        assert await resolve(store) == ([], [])
        assert ids[0] in await store.dependencies.open_predecessors(job.id, limit=9)
    assert await store.dependencies.open_predecessors(job.id, limit=9) == ids[:1]
    await ended(store, ids[0])

    assert await resolve(store) == ([job.id], [])
    assert await store.dependencies.open_predecessors(job.id, limit=9) == []


@pytest.mark.parametrize("status", [Status.TERMINATED, Status.ABORTED])
async def test_a_predecessor_that_ended_otherwise_aborts_what_waits_for_it_and_so_on(
    store: Store, status: Status
) -> None:
    """With the reason; it never looks as if the job itself had failed."""
    first, second = await queued(store), await queued(store)
    job = await behind(store, second, first, undoable=True)
    last = await behind(store, job.id)

    await ended(store, first, status)

    assert await resolve(store) == ([], [job.id, last.id])
    aborted = await known(store, job.id)
    assert aborted.status is Status.ABORTED
    assert aborted.abort is not None
    assert aborted.abort.reason == f"predecessor {first} {status}"
    assert aborted.abort.death == NOTHING_RAN
    assert (aborted.abort.by, aborted.abort.cleanup) == (None, None)
    assert aborted.over
    assert aborted.finished_at is not None
    assert aborted.error is None
    deepest = (await known(store, last.id)).abort
    assert deepest is not None
    assert deepest.reason == f"predecessor {job.id} aborted"
    assert (await known(store, second)).status is Status.QUEUED, "never up"


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED])
async def test_after_the_end_of_a_job_however_it_ended(store: Store, status: Status) -> None:
    first = await queued(store)
    job = await behind(store, first, if_=AfterIf.END)

    await ended(store, first, status)

    assert await resolve(store) == ([job.id], [])


async def test_a_job_that_was_aborted_in_the_queue_is_over(store: Store) -> None:
    first = await queued(store)
    job, other = await behind(store, first), await behind(store, first, if_=AfterIf.END)

    await abort(store, first)

    assert store.due.is_set()
    assert await resolve(store) == ([other.id], [job.id])


async def test_a_job_is_over_once_its_cleanup_is_done(store: Store) -> None:
    """What comes after it must find what it did undone."""
    claim = await cleaning(store)
    job = await behind(store, claim.id, if_=AfterIf.END)
    assert await resolve(store) == ([], [])

    tries = CleanupTries(ended=1, allowed=5, next_at=later(60), error=FAILURE)
    await store.settle_cleanup(claim.id, token=claim.token, cleanup=Cleanup.PENDING, tries=tries)
    assert await resolve(store) == ([], []), "its next try is to come"
    await store.resume_cleanups(at=later(61), limit=9)
    again = await claimed(store, claim.id)
    assert await resolve(store) == ([], [])
    store.due.clear()
    await store.settle_cleanup(again.id, token=again.token, cleanup=Cleanup.DONE)

    assert store.due.is_set()
    assert await resolve(store) == ([job.id], [])


async def test_a_job_that_is_lost_with_its_node_is_over(store: Store) -> None:
    claim = await running(store)
    job = await behind(store, claim.id, if_=AfterIf.END)
    await store.bury("a1")

    await store.release_orphans(losses_max=1, at=later(9))

    assert store.due.is_set()
    assert await resolve(store) == ([job.id], [])


async def test_a_job_that_has_not_begun_in_time_is_over(store: Store) -> None:
    first = await inserted(store, order=Order(start_within_s=0.001))
    job = await behind(store, first.id)
    await asyncio.sleep(0.01)

    assert await store.expire(limit=9) == [first.id]

    assert await resolve(store) == ([], [job.id])


async def test_a_job_that_is_tried_again_is_not_over(store: Store) -> None:
    claim = await running(store)
    job = await behind(store, claim.id)

    await store.settle([replace(end(claim, Status.QUEUED), death=DEATH)])

    assert await resolve(store) == ([], [])
    assert (await known(store, job.id)).hold is not None


async def test_a_job_behind_one_that_is_over_goes_the_same_way(store: Store) -> None:
    """So there is one way only, whether the end or the new job was first."""
    good, bad = await queued(store), await queued(store)
    await ended(store, good)
    await ended(store, bad, Status.TERMINATED)

    jobs = [await behind(store, good), await behind(store, bad)]

    assert [job.hold and job.hold.reason for job in jobs] == [HoldReason.AFTER] * 2
    assert await resolve(store) == ([jobs[0].id], [jobs[1].id])


@pytest.mark.parametrize("times", range(ROUNDS))
async def test_an_end_in_the_instant_of_the_insertion_is_seen(store: Store, times: int) -> None:
    """Whichever is first; and some may be resolved in between."""
    claims = [await running(store) for _ in range(4)]
    jobs = [new(after=after(*(claim.id for claim in claims))) for _ in range(3)]

    async def one_by_one() -> None:
        for claim in claims[times % 3 :] + claims[: times % 3]:
            await store.settle([end(claim)])

    async with asyncio.TaskGroup() as group:
        group.create_task(one_by_one())
        for job in jobs:
            group.create_task(store.insert([job]))
        for _ in range(3):
            group.create_task(resolve(store))
    await resolve(store)

    assert await ids_waiting(store) == [job.id for job in jobs]
    assert await store.next_due_s() is None


async def test_of_those_who_resolve_at_once_each_acts_on_something_else(store: Store) -> None:
    """Each job is let go, or aborted, once: hooks, logs and queues are told of it once."""
    claims = [await running(store) for _ in range(6)]
    jobs = [await behind(store, *(claim.id for claim in claims[n:])) for n in range(6)]
    await store.settle([end(claim) for claim in claims[:5]])
    await store.settle([end(claims[5], Status.TERMINATED, error=FAILURE)])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(resolve(store)) for _ in range(8)]

    freed = [job_id for task in tasks for job_id in task.result()[0]]
    aborted = [job_id for task in tasks for job_id in task.result()[1]]
    assert (freed, sorted(aborted)) == ([], [job.id for job in jobs])
    assert await resolve(store) == ([], [])


async def test_those_who_take_steps_of_different_sizes_tell_of_each_job_once(store: Store) -> None:
    """What one of them has let go is let go no second time by another one that saw it held."""
    first = await queued(store)
    jobs = [await behind(store, first) for _ in range(5)]
    await ended(store, first)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(store.dependencies.resolve(limit=limit)) for limit in (1, 100, 2, 100)
        ]

    told = [job_id for task in tasks for job_id in ids_of(task.result().freed)]
    assert sorted(told) == [job.id for job in jobs]
    assert [(await known(store, job.id)).revision for job in jobs] == [1] * 5


async def test_refs_are_jobs_before_it_in_the_call(store: Store) -> None:
    first = new(awaited=True)
    second = new(after=After((Predecessor(first.id, "a"),)), awaited=True)
    third = new(after=After((Predecessor(first.id, "a"), Predecessor(second.id, "b")), AfterIf.END))

    stored = (await store.insert([first, second, third])).jobs

    assert [await known(store, job.id) for job in stored] == list(stored)
    assert [job.awaited for job in stored] == [True, True, False]
    assert await ids_waiting(store) == [first.id]
    await ended(store, first.id)
    assert await resolve(store) == ([second.id], [])
    await ended(store, second.id)
    assert await resolve(store) == ([third.id], [])


@pytest.mark.parametrize("foreign", [True, False])
async def test_a_predecessor_that_is_not_there_refuses_all(store: Store, *, foreign: bool) -> None:
    """One of another user in the same words: nobody learns which it is."""
    mine = await queued(store)
    other = await queued(store, "u2") if foreign else new().id
    jobs = [new(), new(after=after(mine, other))]

    with pytest.raises(NoSuchPredecessors) as refused:
        await store.insert(jobs)

    assert refused.value.ids == {other}
    assert await store.get(jobs[0].id) is None
    assert await resolve(store) == ([], [])


async def test_others_in_the_same_instant_are_stored(store: Store) -> None:
    """Concurrent calls share a statement; one that is refused keeps no other one."""
    first, missing = await queued(store), new().id
    good = [new(), new(after=after(first)), new("u2")]
    bad = [new(after=after(missing)), new("u2", after=after(first))]

    answers = await asyncio.gather(  # noqa: TID251 - all answers are wanted
        *(store.insert([job]) for job in [good[0], bad[0], good[1], bad[1], good[2]]),
        return_exceptions=True,
    )

    assert [isinstance(answer, NoSuchPredecessors) for answer in answers] == [
        False,
        True,
        False,
        True,
        False,
    ]
    for job in good:
        await known(store, job.id)


async def test_a_repetition_is_answered_though_its_predecessor_is_gone(store: Store) -> None:
    """Whoever repeats a call gets its first answer."""
    first = await queued(store)
    job = new(after=after(first), key="k", fingerprint="f")
    await store.insert([job])
    await ended(store, first)
    await resolve(store)
    await ended(store, job.id)
    await store.delete_finished(before=later(10), limit=1)
    assert await store.get(first) is None

    again = await store.insert([new(after=after(first), key="k", fingerprint="f")])

    assert (again.created, [each.id for each in again.jobs]) == (False, [job.id])


async def test_a_rerun_waits_for_nothing_and_comes_after_the_same(store: Store) -> None:
    first = await queued(store)
    rerun = Rerun("019ab000-0000-7000-8000-000000000001")

    job = await inserted(store, after=after(first), rerun=rerun)

    assert job.hold is None
    assert job.after == after(first)
    assert await known(store, job.id) == job
    assert await store.dependencies.successors(first, uid="u1", limit=9) == []


async def test_a_rerun_that_succeeds_revives_nothing(store: Store) -> None:
    """A final status never changes: what was aborted is run again by whoever wants it."""
    first = await queued(store)
    job = await behind(store, first)
    await ended(store, first, Status.TERMINATED)
    await resolve(store)

    rerun = await inserted(store, rerun=Rerun(first))
    await ended(store, rerun.id)

    assert await resolve(store) == ([], [])
    assert (await known(store, job.id)).status is Status.ABORTED


async def test_a_time_that_has_not_come_is_waited_for_after_that(store: Store) -> None:
    first = await queued(store)
    job = await behind(store, first, order=Order(delay_s=3600, start_within_s=5))

    await ended(store, first)
    resolved = await store.dependencies.resolve(limit=9)

    assert (ids_of(resolved.freed), ids_of(resolved.timed)) == ([], [job.id])
    found = await known(store, job.id)
    assert found.hold is not None
    assert (found.hold.reason, found.hold.until) == (HoldReason.RUN_AT, job.run_at)
    assert found.eligible_at is None


async def test_the_time_to_start_within_begins_when_it_may_run(store: Store) -> None:
    first = await queued(store)
    job = await behind(store, first, order=Order(start_within_s=0.001))
    await asyncio.sleep(0.01)
    assert await store.expire(limit=9) == []

    await ended(store, first)
    await resolve(store)
    await asyncio.sleep(0.01)

    assert await store.expire(limit=9) == [job.id]


async def test_another_time_or_priority_does_not_let_a_job_go(store: Store) -> None:
    job = await behind(store, await queued(store))

    found = await store.reorder(job.id, uid="u1", priority=5)

    assert found is not None
    assert found.job.hold == job.hold
    assert await ids_waiting(store) != [job.id]


async def test_what_waits_for_others_is_counted_among_what_is_held(store: Store) -> None:
    first = await queued(store)
    for _ in range(3):
        await behind(store, first)

    assert (await store.counts(count_max=10)).held == {"after": 3}
    assert (await store.counts(count_max=2)).held == {"after": 2}
    assert (await store.counts(count_max=10)).queued == 1


async def test_an_abort_ends_a_job_that_waits_for_others_at_once(store: Store) -> None:
    first = await queued(store)
    job = await behind(store, first)
    last = await behind(store, job.id, if_=AfterIf.END)

    aborted = await abort(store, job.id)

    assert aborted is not None
    assert (aborted.status, aborted.hold) == (Status.ABORTED, None)
    assert await resolve(store) == ([last.id], [])
    await ended(store, first)
    assert await resolve(store) == ([], [])
    assert await known(store, job.id) == replace(aborted, successors=None)


async def test_a_predecessor_is_kept_until_what_comes_after_it_has_ended(store: Store) -> None:
    """Its result is for that job."""
    first = await queued(store)
    job = await behind(store, first)
    await ended(store, first)

    async def delete() -> int:
        return await store.delete_finished(before=later(10), limit=9)

    assert await delete() == 0
    await resolve(store)
    assert await delete() == 0
    await ended(store, job.id)
    assert await delete() == 2
    assert await store.next_due_s() is None


async def test_results_of_predecessors_are_given_up_to_a_size(store: Store) -> None:
    claims = [await running(store) for _ in range(4)]
    texts = ['"a"', '"' + "b" * 50 + '"', '"c"']
    await store.settle(
        [
            replace(end(claim), result=JsonText(text))
            for claim, text in zip(claims, texts, strict=False)
        ]
    )
    await store.settle([end(claims[3], Status.TERMINATED, error=FAILURE)])
    ids = [claim.id for claim in claims]

    one, two, none = await store.dependencies.ended_predecessors(
        [ids, [ids[2], ids[0]], [new().id]], chars_max=40
    )

    assert [(each.id, each.status, each.result, each.chars) for each in one] == [
        (ids[0], Status.SUCCESSFUL, '"a"', 3),
        (ids[1], Status.SUCCESSFUL, None, 52),
        (ids[2], Status.SUCCESSFUL, None, 3),
        (ids[3], Status.TERMINATED, None, None),
    ]
    assert one[3].error == FAILURE
    assert [(each.id, each.result) for each in two] == [(ids[0], '"a"'), (ids[2], '"c"')]
    assert none == []


async def test_the_end_of_a_job_that_waited_calls_its_hook_once(store: Store) -> None:
    first = await queued(store)
    job = await behind(store, first, hook="http://h/")
    await ended(store, first, Status.TERMINATED)
    await resolve(store)
    await resolve(store)

    calls = await store.take_calls(at=later(10**9), taken_s=60, limit=9)

    assert [call.job_id for call in calls] == [job.id]


async def test_many_are_resolved_in_small_steps(store: Store) -> None:
    first = await queued(store)
    jobs = [new(after=after(first)) for _ in range(25)]
    await store.insert(jobs)
    await ended(store, first)

    steps = [await store.dependencies.resolve(limit=10) for _ in range(4)]

    assert [len(step.freed) for step in steps[:3]] == [10, 10, 5]
    assert sorted(job_id for step in steps for job_id in ids_of(step.freed)) == [
        job.id for job in jobs
    ]
    assert await resolve(store) == ([], [])
