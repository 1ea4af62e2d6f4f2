"""What the port `Store` promises about jobs that are tried again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.job import (
    ATTEMPTS_KEPT,
    ENDED_BY_ITSELF,
    NOTHING_RAN,
    Again,
    AttemptOutcome,
    Claim,
    Cleanup,
    Failure,
    FailureKind,
    Hold,
    HoldReason,
    Order,
    Settlement,
    Status,
)
from scheduler.core.ports.store import Retiming, Store
from scheduler.core.webhook import Event
from tests.support.stores import (
    BYTES_MAX,
    DEATH,
    abort,
    claimed,
    end,
    ids_of,
    ids_waiting,
    known,
    later,
    new,
    node,
    promoted,
    running,
)

ERROR = Failure(kind=FailureKind.EXCEPTION, type="KeyError", message="'\x00n'")
LATER = Again(outcome=AttemptOutcome.TERMINATED, error=ERROR, after_s=3600)
AT_ONCE = Again(outcome=AttemptOutcome.TERMINATED, error=ERROR, after_s=0)
HOUR = timedelta(hours=1)
HOOK = "https://example.org/hook"


def failed(claim: Claim, again: Again = LATER, *, ended_s: float = 9) -> Settlement:
    """The settlement of an attempt that failed, and is followed by another one."""
    return Settlement(
        id=claim.id,
        token=claim.token,
        status=Status.QUEUED,
        at=later(ended_s),
        death=ENDED_BY_ITSELF,
        again=again,
    )


async def waiting_again(store: Store, *, undoable: bool = False) -> Claim:
    """The claim of an attempt that failed; the next one waits for an hour."""
    claim = await running(store, undoable=undoable)
    assert await store.settle([failed(claim)]) == {claim.id: Status.QUEUED}
    return claim


async def tried_again(store: Store, claim: Claim) -> Claim:
    """The next claim on a job, after this attempt has failed."""
    await store.settle([failed(claim, AT_ONCE)])
    assert await promoted(store) == [claim.id]
    return await claimed(store, claim.id)


async def test_a_job_that_is_tried_again_is_held_for_its_pause(store: Store) -> None:
    """By the store's clock; it is the same job, and nothing that looks for work finds it."""
    claim = await waiting_again(store)

    job = await known(store, claim.id)
    assert (job.status, job.attempt, job.owner, job.error) == (Status.QUEUED, 1, None, None)
    assert (job.started_at, job.finished_at, job.eligible_at) == (None, None, None)
    assert job.hold is not None
    assert job.hold.reason == HoldReason.RETRY
    assert job.hold.until is not None
    assert abs(job.hold.until - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
    assert await ids_waiting(store) == []
    assert list(await store.claim([claim.id], node_id="a1", at=later(7200))) == []
    assert list(await store.promote(limit=10)) == []


async def test_its_attempt_is_remembered(store: Store) -> None:
    """Number, node, times, outcome and error, also in what is read without data."""
    claim = await waiting_again(store)

    for job in (await known(store, claim.id), *await store.outlines([claim.id])):
        (record,) = job.attempts
        assert (record.number, record.node) == (1, "node-a")
        assert (record.started_at, record.finished_at) == (later(1), later(9))
        assert (record.outcome, record.error) == (AttemptOutcome.TERMINATED, ERROR)


async def test_its_next_attempt_knows_how_many_are_used_up(store: Store) -> None:
    """By that its node decides whether one more may follow."""
    order = Order(max_attempts=3)
    (job,) = (await store.insert([new(order=order)])).jobs
    first = await claimed(store, job.id)
    second = await tried_again(store, first)

    assert (job.max_attempts, first.max_attempts, second.max_attempts) == (3, 3, 3)
    assert (first.attempts_used, second.attempts_used) == (0, 1)
    assert (second.attempt, second.token > first.token) == (2, True)
    (found,) = await store.claims_of("a1", but=[])
    assert (found.max_attempts, found.attempts_used) == (3, 1)


async def test_a_job_that_is_stored_as_claimed_knows_its_limit(store: Store) -> None:
    await store.register(node())

    inserted = await store.insert([new(order=Order(max_attempts=4))], claimer="a1")

    assert [claim.max_attempts for claim in inserted.claims] == [4]


async def test_a_success_after_a_failure_ends_the_job(store: Store) -> None:
    """Both attempts are in the list, the last one with the end of the job."""
    second = await tried_again(store, await running(store))

    assert await store.settle([end(second, ended_s=20)]) == {second.id: Status.SUCCESSFUL}

    job = await known(store, second.id)
    assert [each.number for each in job.attempts] == [1, 2]
    assert [each.outcome for each in job.attempts] == [
        AttemptOutcome.TERMINATED,
        AttemptOutcome.SUCCESSFUL,
    ]
    assert job.attempts[1].finished_at == job.finished_at == later(20)


async def test_while_an_attempt_runs_it_is_the_last_of_the_list(store: Store) -> None:
    second = await tried_again(store, await running(store))

    job = await known(store, second.id)

    assert [(each.number, each.outcome) for each in job.attempts] == [
        (1, AttemptOutcome.TERMINATED),
        (2, None),
    ]


async def test_only_the_last_attempts_are_remembered(store: Store) -> None:
    """A job that is tried a thousand times does not fill the store, nor each answer."""
    claim = await running(store)
    for _ in range(ATTEMPTS_KEPT + 2):
        claim = await tried_again(store, claim)

    job = await known(store, claim.id)

    assert len(job.past) == len(job.attempts) == ATTEMPTS_KEPT
    assert [each.number for each in job.attempts] == list(range(4, claim.attempt + 1))
    assert claim.attempts_used == ATTEMPTS_KEPT + 2


async def test_what_is_remembered_counts_for_the_size_of_a_page(store: Store) -> None:
    """A page ends early where its jobs are large."""
    long = Failure(kind=FailureKind.EXCEPTION, message="x" * 1000)
    claims = [await running(store) for _ in range(2)]
    again = Again(outcome=AttemptOutcome.TERMINATED, error=long, after_s=3600)
    await store.settle([failed(claim, again) for claim in claims])

    assert len(await store.page("u1", limit=10, bytes_max=BYTES_MAX)) == 2
    if not hasattr(store, "rows"):  # the fake measures less
        assert len(await store.page("u1", limit=10, bytes_max=500)) == 1


@pytest.mark.parametrize("outcome", [AttemptOutcome.DRAINED, AttemptOutcome.LOST])
async def test_an_attempt_that_its_node_cut_short_uses_none_up(
    store: Store, outcome: AttemptOutcome
) -> None:
    """It is remembered, and the job waits for no time."""
    claim = await running(store)
    again = end(claim, Status.QUEUED, death=DEATH)

    await store.settle([replace(again, again=Again(outcome=outcome))])

    second = await claimed(store, claim.id)
    assert (second.attempt, second.attempts_used) == (2, 0)
    first, _ = (await known(store, claim.id)).attempts
    assert (first.number, first.outcome, first.error) == (1, outcome, None)


async def test_an_attempt_that_never_began_is_not_remembered(store: Store) -> None:
    claim = await running(store)

    await store.settle([end(claim, Status.QUEUED, death=NOTHING_RAN)])

    second = await claimed(store, claim.id)
    assert (second.attempt, second.attempts_used) == (1, 0)
    assert [each.number for each in (await known(store, claim.id)).attempts] == [1]


async def test_an_attempt_whose_node_died_uses_none_up(store: Store) -> None:
    """How often that may happen is said by `losses_max` alone."""
    second = await tried_again(store, await running(store))
    await store.bury("a1")

    released = await store.release_orphans(losses_max=3, at=later(30))

    assert ids_of(released.to_enqueue) == [second.id]
    third = await claimed(store, second.id, node_id="a2")
    assert (third.attempt, third.attempts_used) == (3, 1)
    job = await known(store, second.id)
    assert [(each.number, each.outcome) for each in job.attempts] == [
        (1, AttemptOutcome.TERMINATED),
        (2, AttemptOutcome.LOST),
        (3, None),
    ]
    assert job.attempts[1].finished_at == later(30)


async def test_the_last_loss_is_the_last_attempt(store: Store) -> None:
    claim = await running(store)
    await store.bury("a1")

    await store.release_orphans(losses_max=1, at=later(30))

    job = await known(store, claim.id)
    assert job.status is Status.TERMINATED
    assert [each.outcome for each in job.attempts] == [AttemptOutcome.LOST]


@pytest.mark.parametrize("undoable", [False, True])
async def test_an_abort_that_came_before_the_settlement_wins(
    store: Store, *, undoable: bool
) -> None:
    """Its user has the answer that the job is being stopped: not one attempt more."""
    claim = await running(store, undoable=undoable)
    await abort(store, claim.id)

    assert await store.settle([failed(claim, AT_ONCE)]) == {claim.id: Status.ABORTED}

    job = await known(store, claim.id)
    assert (job.status, job.hold, job.finished_at) == (Status.ABORTED, None, later(9))
    assert job.abort is not None
    assert (job.abort.death, job.abort.cleanup) == (
        ENDED_BY_ITSELF,
        Cleanup.PENDING if undoable else None,
    )
    assert [each.outcome for each in job.attempts] == [AttemptOutcome.ABORTED]
    assert list(await store.promote(limit=10)) == []


@pytest.mark.parametrize("undoable", [False, True])
async def test_an_abort_between_two_attempts_ends_the_job_at_once(
    store: Store, *, undoable: bool
) -> None:
    """Nothing of it runs; what the attempt before has done is undone once."""
    claim = await waiting_again(store, undoable=undoable)

    job = await abort(store, claim.id)

    assert job is not None
    assert (job.status, job.hold) == (Status.ABORTED, None)
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert list(await store.promote(limit=10)) == []
    claims = await store.claim([claim.id], node_id="a1", at=later(7200))
    assert len(claims) == undoable
    assert list(await store.claim([claim.id], node_id="a1", at=later(7200))) == []
    assert [each.number for each in job.attempts] == [1]


async def test_abort_and_promotion_at_once_leave_nothing_to_run(store: Store) -> None:
    """Whichever comes first, the job is aborted, and no claim runs it."""
    claims = [await running(store) for _ in range(8)]
    await store.settle([failed(claim, AT_ONCE) for claim in claims])
    ids = [claim.id for claim in claims]
    aborts = [abort(store, job_id) for job_id in ids]

    async with asyncio.TaskGroup() as group:
        promoting = group.create_task(store.promote(limit=10), name="promote")
        for each in aborts:
            group.create_task(each, name="abort")

    assert {each.id for each in promoting.result()} <= set(ids)
    assert list(await store.claim(ids, node_id="a1", at=later(20))) == []
    assert {(await known(store, job_id)).status for job_id in ids} == {Status.ABORTED}


async def test_a_settlement_that_comes_twice_uses_up_one_attempt(store: Store) -> None:
    """The answer to the first may have been lost."""
    claim = await running(store)

    assert await store.settle([failed(claim, AT_ONCE)]) == {claim.id: Status.QUEUED}
    assert await store.settle([failed(claim, AT_ONCE)]) == {}

    await promoted(store)
    second = await claimed(store, claim.id)
    assert second.attempts_used == 1
    assert [each.number for each in (await known(store, claim.id)).past] == [1]


async def test_ends_of_all_kinds_may_come_in_one_call(store: Store) -> None:
    """The jobs of a lot are settled together."""
    claims = [await running(store) for _ in range(4)]
    ends = [
        failed(claims[0]),
        end(claims[1]),
        end(claims[2], Status.TERMINATED, error=ERROR),
        end(claims[3], Status.QUEUED, death=NOTHING_RAN),
    ]

    settled = await store.settle(ends)

    assert [settled[claim.id] for claim in claims] == [
        Status.QUEUED,
        Status.SUCCESSFUL,
        Status.TERMINATED,
        Status.QUEUED,
    ]
    assert [(await known(store, claim.id)).hold is not None for claim in claims] == [
        True,
        False,
        False,
        False,
    ]


async def test_a_job_that_has_begun_in_time_is_in_time_when_it_is_tried_again(
    store: Store,
) -> None:
    """`start_within_s` is for the first attempt."""
    (job,) = (await store.insert([new(order=Order(start_within_s=1.0))])).jobs
    claim = await claimed(store, job.id)
    await store.settle([failed(claim, AT_ONCE)])
    await promoted(store)
    await asyncio.sleep(1.05)  # its deadline passes

    assert list(await store.expire(limit=10)) == []
    assert len(await store.claim([job.id], node_id="a1", at=later(20))) == 1


async def test_its_user_may_have_it_tried_again_at_once(store: Store) -> None:
    """He knows that what failed is repaired, and does not wait for the pause."""
    claim = await waiting_again(store)

    found = await store.reorder(claim.id, uid="u1", retiming=Retiming(None))

    assert found is not None
    assert (found.changed, found.job.hold) == (True, None)
    assert await ids_waiting(store) == [claim.id]
    again = await store.reorder(claim.id, uid="u1", retiming=Retiming(None))
    assert again is not None
    assert not again.changed
    second = await claimed(store, claim.id)
    assert (second.attempt, second.attempts_used) == (2, 1)


async def test_its_user_may_choose_another_time_for_the_next_attempt(store: Store) -> None:
    claim = await waiting_again(store)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)

    found = await store.reorder(claim.id, uid="u1", retiming=Retiming(tomorrow))

    assert found is not None
    assert (found.job.run_at, found.job.eligible_at) == (tomorrow, None)
    assert found.job.hold == Hold(HoldReason.RUN_AT, tomorrow)


async def test_another_priority_leaves_the_pause_as_it_is(store: Store) -> None:
    claim = await waiting_again(store)
    before = await known(store, claim.id)

    found = await store.reorder(claim.id, uid="u1", priority=60)

    assert found is not None
    assert (found.job.priority, found.job.hold) == (60, before.hold)


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_hook_is_called_for_a_retry_where_that_is_wanted(
    store: Store, *, wanted: bool
) -> None:
    """And for the end once, whatever came before."""
    order = Order(hook_retries=wanted)
    (job,) = (await store.insert([new(hook=HOOK, order=order)])).jobs
    first = await claimed(store, job.id)
    await store.settle([failed(first)])
    held = await known(store, job.id)
    calls = await store.calls(job.id, limit=10)

    assert job.hook_retries is wanted
    assert [call.event for call in calls] == ([Event.RETRIED] if wanted else [])
    for call in calls:
        assert call.id == f"{job.id}-attempt-1"
        assert (call.payload, call.attempt) == (None, held.past[0])
        assert held.hold is not None
        assert (call.next_attempt_at, call.due_at) == (held.hold.until, later(9))
    await abort(store, job.id)
    events = [call.event for call in await store.calls(job.id, limit=10)]
    assert sorted(events) == sorted([Event.ENDED, *([Event.RETRIED] if wanted else [])])


async def test_no_hook_is_called_for_an_attempt_that_its_node_cut_short(store: Store) -> None:
    """Nothing failed."""
    (job,) = (await store.insert([new(hook=HOOK, order=Order(hook_retries=True))])).jobs
    claim = await claimed(store, job.id)
    again = Again(outcome=AttemptOutcome.DRAINED)
    drained = end(claim, Status.QUEUED, death=DEATH)

    await store.settle([replace(drained, again=again)])

    assert list(await store.calls(job.id, limit=10)) == []
