"""What the port `Store` promises about the most jobs that a user may have queued."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.errors import Conflict, ParentAborted, QuotaExceeded, Standing
from scheduler.core.job import NOTHING_RAN, NewJob, Status
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import QUEUED, Quota, Use
from scheduler.store import open_store
from tests.support.stores import abort, claimed, end, later, new, node, queued

SUBMISSIONS = 20
TWO = {"u1": Quota(pattern="*", queued_max=2)}


def quotas(**queued_max: int) -> dict[str, Quota]:
    return {uid: Quota(pattern=uid, queued_max=most) for uid, most in queued_max.items()}


async def uses(store: Store, uid: str = "u1") -> Use:
    return (await store.usage([uid], count_max=1000))[uid]


async def refused(store: Store, jobs: Sequence[NewJob], limits: dict[str, Quota]) -> QuotaExceeded:
    """The error of an insert; nothing of it is stored."""
    with pytest.raises(QuotaExceeded) as caught:
        await store.insert(jobs, quotas=limits)
    assert [await store.get(job.id) for job in jobs] == [None] * len(jobs)
    return caught.value


async def test_a_user_has_at_most_as_many_queued_jobs_as_the_quota_says(store: Store) -> None:
    """Whoever runs the installation decides how much one user may pile up."""
    first = await store.insert([new()], quotas=TWO)
    second = await store.insert([new()], quotas=TWO)
    error = await refused(store, [new()], TWO)

    assert (first.queued, second.queued) == ({"u1": 1}, {"u1": 2})
    assert error.violations == (Standing(policy=QUEUED, uid="u1", limit=2, used=2),)
    assert str(error) == (
        "user 'u1' has 2 queued jobs, and 1 more would be beyond queued_max = 2 of [quotas.\"*\"]"
    )
    assert error.retry_after_s
    assert await uses(store) == Use(queued=2, running=0)


async def test_an_array_is_refused_whole(store: Store) -> None:
    """As for every other reason: nobody has to find out which part of it was taken."""
    await store.insert([new()], quotas=TWO)
    await refused(store, [new(), new()], TWO)
    assert await uses(store) == Use(queued=1, running=0)


async def test_an_array_that_can_never_fit_is_told_so(store: Store) -> None:
    """Who is told to try again later would do so for ever."""
    error = await refused(store, [new(), new(), new()], TWO)
    assert error.retry_after_s is None
    assert str(error).startswith("3 jobs at once are more than user 'u1' may ever have queued")


async def test_one_user_at_the_limit_refuses_the_jobs_of_all_in_the_array(store: Store) -> None:
    """All or none, and the message names the user whom it is about."""
    limits = quotas(u1=5, u2=1)
    await store.insert([new("u2")], quotas=limits)
    error = await refused(store, [new("u1"), new("u2"), new("u3")], limits)
    assert [each.uid for each in error.violations] == ["u2"]


async def test_who_has_no_quota_is_not_limited(store: Store) -> None:
    """A quota is for the users whom its pattern fits."""
    await store.insert([new("u1"), *(new("u2") for _ in range(5))], quotas=TWO)
    assert await uses(store, "u2") == Use(queued=5, running=0)


async def test_room_is_made_by_each_job_that_is_queued_no_more(store: Store) -> None:
    """Running, ended and aborted jobs leave the queue; so does a clean-up that waits."""
    await store.register(node())
    first, second = (await store.insert([new(undoable=True), new()], quotas=TWO)).jobs
    await refused(store, [new()], TWO)
    claim = await claimed(store, first.id)
    assert await uses(store) == Use(queued=1, running=1)
    (third,) = (await store.insert([new()], quotas=TWO)).jobs
    await abort(store, first.id)
    await store.settle([end(claim, Status.ABORTED)])  # its clean-up waits
    await refused(store, [new()], TWO)
    await abort(store, second.id)
    await abort(store, third.id)
    assert await uses(store) == Use(queued=0, running=0)
    await store.insert([new(), new()], quotas=TWO)


async def test_what_is_queued_again_is_never_refused(store: Store) -> None:
    """A job that was accepted runs: no quota may make a drain or a lost node lose it."""
    await store.register(node("a1"))
    await store.register(node("a2"))
    first, second = (await store.insert([new(), new()], quotas=TWO)).jobs
    given_back = await claimed(store, first.id)
    await claimed(store, second.id, node_id="a2")
    await store.insert([new(), new()], quotas=TWO)

    await store.settle([end(given_back, Status.QUEUED, death=NOTHING_RAN)])
    await store.bury("a2")
    await store.release_orphans(losses_max=3, at=later(1))

    assert await uses(store) == Use(queued=4, running=0)
    error = await refused(store, [new()], TWO)
    assert error.violations[0].used == 4


async def test_a_lower_quota_ends_nothing(store: Store) -> None:
    """It counts for the next submissions."""
    await store.insert([new(), new()], quotas=TWO)
    await refused(store, [new()], quotas(u1=1))
    assert await uses(store) == Use(queued=2, running=0)


async def test_an_abort_works_over_quota(store: Store) -> None:
    """An abort is never limited: it is the way back below the limit."""
    first, second = (await store.insert([new(), new()], quotas=TWO)).jobs
    await refused(store, [new()], TWO)
    for job in (first, second):
        aborted = await abort(store, job.id)
        assert aborted is not None
        assert aborted.status is Status.ABORTED


@pytest.mark.parametrize("number", [1, 2])
async def test_a_repetition_gets_its_first_answer_over_quota(store: Store, number: int) -> None:
    """Its jobs are counted already: whoever lost the answer must not be told no."""

    def sent() -> list[NewJob]:
        return [new(key=f"k{each}", fingerprint="f") for each in range(number)]

    first = await store.insert(sent(), quotas=TWO)
    while (await uses(store)).queued < 2:
        await queued(store)

    again = await store.insert(sent(), quotas=TWO)

    assert (again.created, again.jobs) == (False, first.jobs)
    with pytest.raises(Conflict, match="another request"):
        await store.insert([new(key="k0", fingerprint="g")], quotas=TWO)


@pytest.mark.parametrize("number", [1, 2])
async def test_repetitions_at_once_are_all_answered_and_store_once(
    store: Store, number: int
) -> None:
    """The second of them finds the queue full by the first."""
    limits = quotas(u1=number)

    async def insert() -> list[str]:
        sent = [new(key=f"k{each}", fingerprint="f") for each in range(number)]
        return [job.id for job in (await store.insert(sent, quotas=limits)).jobs]

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(insert(), name="insert") for _ in range(10)]

    assert len({tuple(call.result()) for call in calls}) == 1
    assert await uses(store) == Use(queued=number, running=0)


async def test_a_lost_answer_is_given_again(store: Store) -> None:
    """The same ids are the same call: the store may have taken it before its connection broke."""
    sent = [new(), new()]
    await store.insert(sent, quotas=TWO)
    again = await store.insert(sent, quotas=TWO)
    assert (again.created, [job.id for job in again.jobs]) == (True, [job.id for job in sent])


async def test_children_of_a_refusing_parent_are_refused_as_before(store: Store) -> None:
    """A quota hides no other reason."""
    parent = await queued(store)
    await store.refuse_children(parent, uid="u1", limit=10)
    with pytest.raises(ParentAborted):
        await store.insert([new(parent=parent)], quotas=TWO)


async def test_a_job_that_begins_at_once_does_not_fill_the_queue(store: Store) -> None:
    """It is not queued for a moment."""
    await store.register(node())
    inserted = await store.insert([new()], claimer="a1", quotas=TWO)
    assert (len(inserted.claims), inserted.queued) == (1, {"u1": 0})
    assert await uses(store) == Use(queued=0, running=1)


async def test_one_user_at_the_limit_leaves_those_who_submit_beside_it_alone(store: Store) -> None:
    """Calls that come together share a statement; each gets the answer that it had alone."""
    limits = quotas(u1=1, u2=50)
    await store.insert([new("u1")], quotas=limits)

    async def insert(uid: str) -> bool:
        try:
            await store.insert([new(uid)], quotas={uid: limits[uid]})
        except QuotaExceeded:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(insert(f"u{1 + n % 2}"), name="insert") for n in range(20)]

    assert [call.result() for call in calls] == [False, True] * 10
    assert await uses(store, "u1") == Use(queued=1, running=0)
    assert await uses(store, "u2") == Use(queued=10, running=0)


async def test_use_is_counted_up_to_a_limit(store: Store) -> None:
    """A look at somebody with a million jobs must not read a million rows."""
    await store.insert([new() for _ in range(5)])
    assert await store.usage(["u1", "nobody"], count_max=3) == {
        "u1": Use(queued=3, running=0),
        "nobody": Use(queued=0, running=0),
    }


async def test_what_is_stored_can_be_asked_for_before(store: Store) -> None:
    """So a repetition can be answered that would be refused for its rate."""
    sent = new(key="k", fingerprint="f")
    assert await store.stored([sent]) is None
    first = await store.insert([sent])
    again = await store.stored([replace(sent, id=new().id)])
    assert again is not None
    assert (again.created, again.jobs) == (False, first.jobs)
    with pytest.raises(Conflict):
        await store.stored([new(key="k", fingerprint="g")])


async def test_submissions_at_once_on_two_nodes_never_exceed_the_maximum(
    postgres_url: str, tmp_path: Path
) -> None:
    """Each of them counts and inserts alone; else each would count before the others insert."""
    limits = quotas(u1=7)

    async def insert(store: Store) -> bool:
        try:
            await store.insert([new()], quotas=limits)
        except QuotaExceeded:
            return False
        return True

    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_store(postgres_url, data_dir=tmp_path))
            for _ in range(4)
        ]
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(insert(stores[n % len(stores)]), name="insert")
                for n in range(SUBMISSIONS)
            ]
        assert sum(call.result() for call in calls) == 7
        assert await uses(stores[0]) == Use(queued=7, running=0)
