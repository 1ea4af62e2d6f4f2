"""What the port `Store` promises about hooks: each end has a call, and one try runs at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.core.job import Again, AttemptOutcome, Claim, JsonText, Order, Status
from scheduler.core.policy import lost_failure
from scheduler.core.ports.store import Store
from scheduler.core.webhook import CallStatus, Event, HookCall, Verdict
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.support.stores import DEATH, abort, claimed, end, known, later, new, node, running

HOOK = "https://example.org/hook"
DELIVERED = Verdict(status=CallStatus.DELIVERED)


@pytest.fixture(name="url", params=["sqlite", "postgres", "memory"])
def url_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store; "memory" for the fake that other tests use."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/store.db" if request.param == "sqlite" else "memory"


@pytest.fixture(name="store")
async def store_fixture(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    if url == "memory":
        yield MemoryStore()
        return
    async with open_store(url, data_dir=tmp_path) as opened:
        yield opened


async def hooked(store: Store, *, undoable: bool = False, hook: str = HOOK) -> str:
    """The id of a queued job with a hook."""
    (job,) = (await store.insert([new(hook=hook, undoable=undoable)])).jobs
    return job.id


async def take(store: Store, *, at_s: float = 60, limit: int = 10) -> Sequence[HookCall]:
    return await store.take_calls(at=later(at_s), taken_s=30, limit=limit)


async def calls_of(store: Store, job_id: str) -> list[tuple[str, str]]:
    return [(call.event, call.status) for call in await store.calls(job_id, limit=10)]


async def ended(store: Store, *, ended_s: float = 9, hook: str = HOOK) -> Claim:
    """The claim of a job that has ended, and whose hook is to be called."""
    claim = await claimed(store, await hooked(store, hook=hook))
    await store.settle([end(claim, ended_s=ended_s)])
    return claim


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.TERMINATED])
async def test_the_end_of_an_attempt_adds_a_call(store: Store, status: Status) -> None:
    claim = await claimed(store, await hooked(store))
    assert await calls_of(store, claim.id) == []

    error = lost_failure(1) if status is Status.TERMINATED else None
    await store.settle([end(claim, status, error=error)])

    (call,) = await store.calls(claim.id, limit=10)
    assert (call.id, call.job_id, call.event) == (claim.id, claim.id, Event.ENDED)
    assert (call.status, call.tries, call.payload) == (CallStatus.DUE, 0, None)
    assert call.due_at == later(9)


async def test_an_abort_of_a_queued_job_adds_a_call(store: Store) -> None:
    job_id = await hooked(store)
    await abort(store, job_id)
    await abort(store, job_id)

    assert await calls_of(store, job_id) == [("job.ended", "due")]


@pytest.mark.parametrize("status", [Status.ABORTED, Status.QUEUED])
async def test_an_abort_of_a_running_job_adds_one_call(store: Store, status: Status) -> None:
    """Whether it was stopped for the abort, or given back meanwhile."""
    claim = await claimed(store, await hooked(store, undoable=True))
    await abort(store, claim.id)
    assert await calls_of(store, claim.id) == []

    await store.settle([end(claim, status, death=DEATH)])
    await store.settle([end(claim, status, death=DEATH)])

    assert await calls_of(store, claim.id) == [("job.ended", "due")]


async def test_the_end_of_a_job_that_lost_its_nodes_adds_a_call(store: Store) -> None:
    claim = await claimed(store, await hooked(store))
    await store.bury("a1")
    await store.release_orphans(losses_max=2, at=later(10))
    assert await calls_of(store, claim.id) == []

    await claimed(store, claim.id)
    await store.bury("a1")
    await store.release_orphans(losses_max=2, at=later(20))
    assert await calls_of(store, claim.id) == [("job.ended", "due")]


async def test_a_job_that_returns_to_the_queue_adds_no_call(store: Store) -> None:
    claim = await claimed(store, await hooked(store))
    await store.settle([end(claim, Status.QUEUED)])
    assert await calls_of(store, claim.id) == []


async def test_a_job_without_a_hook_adds_no_call(store: Store) -> None:
    claim = await running(store)
    await store.add_call(claim, "n1", JsonText("1"), at=later(1))
    await store.settle([end(claim)])
    assert await calls_of(store, claim.id) == []
    assert await take(store) == []


async def test_notifications_are_stored_once_and_in_order(store: Store) -> None:
    """The store's answer may be lost, so the same call may come twice."""
    claim = await claimed(store, await hooked(store))
    for number in (1, 2, 2):
        await store.add_call(claim, f"n{number}", JsonText(f'{{"n":{number}}}'), at=later(number))
    await store.settle([end(claim)])

    calls = await store.calls(claim.id, limit=10)
    assert [(call.id, call.payload) for call in calls] == [
        ("n1", '{"n":1}'),
        ("n2", '{"n":2}'),
        (claim.id, None),
    ]
    assert [call.id for call in await store.calls(claim.id, limit=2)] == ["n1", "n2"]


async def test_notifications_of_an_attempt_that_was_taken_over_are_dropped(store: Store) -> None:
    late = await claimed(store, await hooked(store))
    await store.settle([end(late, Status.QUEUED)])
    await store.add_call(late, "n1", JsonText("1"), at=later(1))
    await claimed(store, late.id)
    await store.add_call(late, "n2", JsonText("2"), at=later(2))

    assert await calls_of(store, late.id) == []


async def test_calls_are_taken_once_they_are_due_the_oldest_first(store: Store) -> None:
    second, first = await ended(store, ended_s=20), await ended(store, ended_s=10)

    assert await take(store, at_s=9) == []
    (call,) = await take(store, limit=1)
    assert (call.id, call.tries, call.due_at) == (first.id, 1, later(90))
    assert [call.id for call in await take(store)] == [second.id]
    assert await take(store) == []


@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_a_call_is_due_at_once_whatever_the_clock_of_the_node_says(
    store: Store, ahead_s: float
) -> None:
    """That ended its job: else users would hear of it an hour later, or it be given up early."""
    now = await store.time_of_day()
    claim = await claimed(store, await hooked(store))
    await store.settle([replace(end(claim), at=now + timedelta(seconds=ahead_s))])

    (call,) = await store.take_calls(limit=10, taken_s=60)
    assert call.due_at is not None
    assert timedelta(0) <= call.created_at - now < timedelta(seconds=30)
    assert timedelta(seconds=60) <= call.due_at - now < timedelta(seconds=90)


async def test_the_call_about_an_attempt_is_due_at_once_as_well(store: Store) -> None:
    now = await store.time_of_day()
    (job,) = (await store.insert([new(hook=HOOK, order=Order(hook_retries=True))])).jobs
    claim = await claimed(store, job.id)
    again = Again(outcome=AttemptOutcome.TERMINATED, after_s=60)
    settlement = replace(end(claim, Status.QUEUED), at=now + timedelta(hours=1), again=again)
    await store.settle([settlement])

    (call,) = await store.take_calls(limit=10, taken_s=60)
    assert call.event is Event.RETRIED
    assert timedelta(0) <= call.created_at - now < timedelta(seconds=30)


async def test_what_another_node_has_taken_is_due_by_the_clock_of_the_store(store: Store) -> None:
    """Else a node whose clock is ahead would make each call a second time."""
    claim = await claimed(store, await hooked(store))
    await store.add_call(claim, "n1", JsonText("1"))

    (call,) = await store.take_calls(limit=10, taken_s=60)
    assert await store.take_calls(limit=10, taken_s=60) == []
    assert await store.put_back_call(call, due_at=await store.time_of_day())
    (again,) = await store.take_calls(limit=10, taken_s=60)
    assert again.id == call.id


async def test_given_receivers_are_skipped_and_no_others(store: Store) -> None:
    """Receivers may start alike, and a hook may have no path."""
    urls = ["https://a.org/1", "https://a.org", "https://a.org.uk/", "http://a.org/", "https://b"]
    jobs = {(await ended(store, hook=url)).id: url for url in urls}

    taken = await store.take_calls(
        at=later(60), taken_s=30, limit=10, but={"https://a.org/", "https://b/"}
    )
    assert sorted(jobs[call.job_id] for call in taken) == ["http://a.org/", "https://a.org.uk/"]
    assert [call.tries for call in await take(store)] == [1, 1, 1]


async def test_concurrent_callers_get_different_calls(store: Store) -> None:
    """Several nodes deliver: else each call would be sent once by each node."""
    jobs = {(await ended(store)).id for _ in range(12)}

    async with asyncio.TaskGroup() as group:
        taking = [group.create_task(take(store, limit=5)) for _ in range(6)]
    taken = [call.id for each in taking for call in each.result()]
    taken += [call.id for call in await take(store)]

    assert sorted(taken) == sorted(jobs)


async def test_a_call_that_was_not_settled_is_due_again(store: Store) -> None:
    """Its node died; the next node that takes it has a new try."""
    await ended(store)
    (lost,) = await take(store, at_s=60)
    assert await take(store, at_s=89) == []
    (again,) = await take(store, at_s=90)

    assert (again.id, again.tries) == (lost.id, 2)
    assert not await store.settle_call(lost, DELIVERED, answer="200")
    assert await store.settle_call(again, DELIVERED, answer="204")
    assert not await store.settle_call(again, DELIVERED, answer="204")


async def test_a_call_is_settled_with_the_result_of_its_try(store: Store) -> None:
    claim = await ended(store)
    (call,) = await take(store)
    again = Verdict(status=CallStatus.DUE, due_at=later(100))
    await store.settle_call(call, again, answer="503")

    assert await take(store, at_s=99) == []
    (call,) = await take(store, at_s=100)
    assert (call.tries, call.answer) == (2, "503")
    await store.settle_call(call, DELIVERED, answer="204")

    (call,) = await store.calls(claim.id, limit=10)
    assert (call.status, call.due_at, call.answer) == (CallStatus.DELIVERED, None, "204")
    assert await take(store, at_s=1000) == []


async def test_a_job_is_kept_until_its_calls_are_settled_and_is_deleted_with_them(
    store: Store,
) -> None:
    claim = await ended(store)
    assert await store.delete_finished(before=later(99), limit=10) == 0

    (call,) = await take(store)
    await store.settle_call(call, Verdict(status=CallStatus.GIVEN_UP), answer="410")
    assert await store.delete_finished(before=later(99), limit=10) == 1
    assert await store.calls(claim.id, limit=10) == []


async def test_a_clean_up_may_notify_too(store: Store) -> None:
    claim = await claimed(store, await hooked(store, undoable=True))
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    await store.register(node("a1"))
    (clean,) = await store.claim([claim.id], node_id="a1", at=later(12))
    await store.add_call(clean, "n1", JsonText("1"))

    assert await calls_of(store, claim.id) == [("job.ended", "due"), ("job.notified", "due")]


async def test_calls_of_given_users_are_skipped_and_no_others(store: Store) -> None:
    """One user with many calls must not keep those of others waiting."""
    for uid in ("ada", "bob", "ada2"):
        (job,) = (await store.insert([new(uid, hook=HOOK)])).jobs
        await store.settle([end(await claimed(store, job.id))])
    taken = await store.take_calls(at=later(60), taken_s=30, limit=10, but_users={"ada"})
    assert {(await known(store, call.job_id)).uid for call in taken} == {"bob", "ada2"}


async def test_a_call_that_was_not_tried_is_put_back_uncounted(store: Store) -> None:
    """It had to wait for others: that is no failure of its receiver."""
    await ended(store)
    (call,) = await take(store)
    assert await store.put_back_call(call, due_at=later(70))
    assert not await store.put_back_call(call, due_at=later(70)), "it is not taken"

    assert list(await take(store, at_s=69)) == []
    (again,) = await take(store, at_s=70)
    assert (again.id, again.tries) == (call.id, call.tries)
