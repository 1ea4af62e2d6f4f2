"""Unique keys beside all else for which jobs wait: what replaces waits for its turn there, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scheduler.core.dependencies.declaration import AfterIf
from scheduler.core.job import (
    Again,
    AttemptOutcome,
    Cleanup,
    HoldReason,
    NewJob,
    OnConflict,
    Order,
    Rerun,
    Status,
)
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Retiming, Store
from tests.contract.limiters.asking import claim as claim_in_limiters
from tests.contract.limiters.asking import let_all_go, limited
from tests.contract.unique.keyed import EXISTING, REJECT, REPLACE, die, keyed, let_go, running
from tests.contract.unique.keyed import submit as submitted
from tests.support.eventually import eventually
from tests.support.stores import (
    abort,
    after,
    claimed,
    end,
    ids_waiting,
    known,
    later,
    new,
    node,
)

TASK = PauseKey(PauseKind.TASK, "task1")


async def submit(store: Store, *jobs: NewJob) -> str:
    """Submit jobs; the id of the last."""
    await submitted(store, *jobs)
    return jobs[-1].id


async def reason(store: Store, job_id: str) -> HoldReason | None:
    """Why a job is held."""
    hold = (await known(store, job_id)).hold
    return None if hold is None else HoldReason(hold.reason)


async def paused(store: Store) -> None:
    await store.pauses.put(TASK, reason="repair", until=None, by="ops")


async def resumed(store: Store) -> list[str]:
    await store.pauses.end(TASK)
    return [job.id for job in await store.pauses.let_go(TASK, limit=9)]


@pytest.mark.parametrize("on_conflict", [EXISTING, REPLACE])
async def test_one_that_waits_for_its_time_has_its_key(
    store: Store, on_conflict: OnConflict
) -> None:
    old = await submit(store, keyed(order=Order(delay_s=3600)))

    inserted = await submitted(store, fresh := keyed(on_conflict))

    found = old if on_conflict is EXISTING else fresh.id
    assert [job.id for job in inserted.jobs] == [found]
    assert await ids_waiting(store) == ([] if on_conflict is EXISTING else [fresh.id])


async def test_one_that_replaces_nothing_that_lives_waits_for_its_time_alone(store: Store) -> None:
    old = await submit(store, keyed())
    fresh = await submit(store, keyed(REPLACE, order=Order(delay_s=3600, start_within_s=60)))

    job = await known(store, fresh)
    assert (await known(store, old)).status is Status.ABORTED
    assert job.hold is not None
    assert (job.hold.reason, job.hold.until) == (HoldReason.RUN_AT, job.run_at)


async def test_a_successor_begins_after_its_time_where_its_predecessor_took_longer(
    store: Store,
) -> None:
    claim = await running(store, keyed())
    fresh = await submit(store, keyed(REPLACE, order=Order(delay_s=0.001)))
    run_at = (await known(store, fresh)).run_at
    assert run_at is not None
    await eventually(lambda: datetime.now(UTC) > run_at)
    assert await store.promote(limit=9) == []

    await die(store, claim)

    assert await let_go(store) == [fresh]
    assert (await known(store, fresh)).eligible_at is not None


async def test_a_new_time_of_one_that_waits_counts_after_its_predecessor(store: Store) -> None:
    """And a change does not let it go before."""
    claim = await running(store, keyed())
    fresh = await submit(store, keyed(REPLACE))

    changed = await store.reorder(fresh, uid="u1", priority=60, retiming=Retiming(later(10**9)))
    assert changed is not None
    assert changed.job.hold is not None
    assert changed.job.hold.reason == HoldReason.UNIQUE
    assert await store.claim([fresh], node_id="a1", at=later(2)) == []
    await die(store, claim)

    gone = await store.let_go_unique(limit=9)
    assert ([job.id for job in gone.timed], list(gone.waiting)) == ([fresh], [])
    assert await reason(store, fresh) == HoldReason.RUN_AT
    assert await store.reorder(fresh, uid="u1", retiming=Retiming(None)) is not None
    assert await ids_waiting(store) == [fresh]


async def test_its_deadline_begins_when_its_predecessor_is_over(store: Store) -> None:
    claim = await running(store, keyed())
    await submit(store, keyed(REPLACE, order=Order(start_within_s=0.001)))
    assert await store.next_due_s() is None
    assert await store.expire(limit=9) == []

    await die(store, claim)
    (fresh,) = await let_go(store)

    assert (await known(store, fresh)).start_within_s == 0.001
    due_s = await store.next_due_s()
    assert due_s is not None
    assert due_s <= 0.001


async def test_one_with_labels_is_let_go_in_its_lane(store: Store) -> None:
    await store.register(node(labels=("gpu",)))
    claim = await running(store, keyed())
    fresh = await submit(store, keyed(REPLACE, order=Order(needs=("gpu",), priority=5)))
    await die(store, claim)

    (job,) = (await store.let_go_unique(limit=9)).waiting

    found = await known(store, fresh)
    assert (job.id, job.lane, found.needs) == (fresh, "gpu", ("gpu",))
    assert found.eligible_at is not None
    assert found.turn_at < found.eligible_at


async def test_the_key_of_one_that_is_tried_again_is_held_until_it_is_undone(store: Store) -> None:
    """It waits for its next attempt, so its abort needs no process to end; but its clean-up."""
    claim = await running(store, keyed(undoable=True))
    again = Again(outcome=AttemptOutcome.TERMINATED, error=None, after_s=3600)
    await store.settle([replace(end(claim, Status.QUEUED), again=again)])
    assert await reason(store, claim.id) == HoldReason.RETRY
    assert not (await submitted(store, keyed())).created

    fresh = await submit(store, keyed(REPLACE))

    assert (await known(store, claim.id)).status is Status.ABORTED
    assert await reason(store, fresh) == HoldReason.UNIQUE
    cleanup = await claimed(store, claim.id)
    assert await let_go(store) == []
    store.due.clear()
    await store.settle_cleanup(claim.id, token=cleanup.token, cleanup=Cleanup.DONE)
    assert store.due.is_set()
    assert await let_go(store) == [fresh]


async def test_one_that_is_tried_again_keeps_its_key(store: Store) -> None:
    claim = await running(store, keyed())
    again = Again(outcome=AttemptOutcome.TERMINATED, error=None, after_s=0.0)
    await store.settle([replace(end(claim, Status.QUEUED), again=again)])

    assert [job.id for job in (await submitted(store, keyed())).jobs] == [claim.id]


async def test_jobs_of_a_paused_handler_are_replaced_and_their_successors_paused(
    store: Store,
) -> None:
    await paused(store)
    old = await submit(store, keyed())
    fresh = await submit(store, keyed(REPLACE))

    assert (await known(store, old)).status is Status.ABORTED
    assert await reason(store, fresh) == HoldReason.PAUSED
    assert await resumed(store) == [fresh]
    assert await ids_waiting(store) == [fresh]


async def test_a_pause_holds_a_successor_once_its_predecessor_is_over(store: Store) -> None:
    """And its end lets it go, not before."""
    claim = await running(store, keyed())
    await paused(store)
    fresh = await submit(store, keyed(REPLACE))
    assert await reason(store, fresh) == HoldReason.UNIQUE

    await die(store, claim)
    assert await let_go(store) == [fresh]
    assert await store.claim([fresh], node_id="a1", at=later(2)) == []
    await store.pauses.hold([fresh], ahead_max=0)
    assert await reason(store, fresh) == HoldReason.PAUSED
    assert await resumed(store) == [fresh]
    assert (await claimed(store, fresh)).attempt == 1


async def test_the_end_of_a_pause_lets_no_successor_go_whose_predecessor_lives(
    store: Store,
) -> None:
    claim = await running(store, keyed())
    await paused(store)
    await submit(store, keyed(REPLACE))

    assert await resumed(store) == []
    assert await ids_waiting(store) == []
    await die(store, claim)
    assert len(await let_go(store)) == 1


async def test_a_successor_waits_for_its_predecessor_and_then_for_its_limit(store: Store) -> None:
    """What was let go for one of them asks for the other."""
    options = limited(Limit(1))
    await store.register(node())
    old, other = keyed(), keyed(key="other")
    await submit(store, old, other)
    claims, held = await claim_in_limiters(store, options, old.id, other.id)
    assert ([each.id for each in claims], [job.id for job in held]) == ([old.id], [other.id])
    fresh = await submit(store, keyed(REPLACE))
    assert await reason(store, fresh) == HoldReason.UNIQUE

    await die(store, *claims)
    assert await let_all_go(store, options) == [other.id]
    assert await let_go(store) == [fresh]

    claims, held = await claim_in_limiters(store, options, other.id, fresh)
    assert ([each.id for each in claims], [job.id for job in held]) == ([other.id], [fresh])
    assert await reason(store, fresh) == HoldReason.LIMIT
    await store.settle([end(claims[0])])
    assert await let_all_go(store, options) == [fresh]


async def test_a_successor_waits_for_its_predecessor_and_then_for_a_throttle(
    store: Store,
) -> None:
    options = limited(throttle=Throttle(1, per_s=3600))
    await store.register(node())
    old = await submit(store, keyed())
    claims, _ = await claim_in_limiters(store, options, old)
    fresh = await submit(store, keyed(REPLACE))
    await die(store, *claims)
    assert await let_go(store) == [fresh]

    claims, held = await claim_in_limiters(store, options, fresh)

    assert (list(claims), [job.id for job in held]) == ([], [fresh])
    assert await reason(store, fresh) == HoldReason.THROTTLE


async def test_one_that_waits_for_its_limiter_is_replaced_at_once(store: Store) -> None:
    """And its successor stands at the end, as any other."""
    options = limited(Limit(1))
    await store.register(node())
    other, old = keyed(key="other"), keyed()
    await submit(store, other, old)
    claims, _ = await claim_in_limiters(store, options, other.id, old.id)
    assert await reason(store, old.id) == HoldReason.LIMIT

    fresh = await submit(store, keyed(REPLACE))

    assert (await known(store, old.id)).status is Status.ABORTED
    assert await reason(store, fresh) is None
    _, held = await claim_in_limiters(store, options, fresh)
    assert [job.id for job in held] == [fresh]
    await store.settle([end(claims[0])])
    assert await let_all_go(store, options) == [fresh]


@pytest.mark.parametrize("if_", AfterIf)
async def test_what_comes_after_a_replaced_job_is_let_go_or_aborted(
    store: Store, if_: AfterIf
) -> None:
    """By the rule for each abort, whether it waited or ran."""
    old = await submit(store, keyed())
    behind = await submit(store, new(after=after(old, if_=if_)))

    store.due.clear()
    first = await submit(store, keyed(REPLACE))
    assert store.due.is_set()
    assert (await store.dependencies.resolve(limit=9)).done
    fate = Status.QUEUED if if_ is AfterIf.END else Status.ABORTED
    assert (await known(store, behind)).status is fate

    claim = await claimed(store, first)
    behind = await submit(store, new(after=after(first, if_=if_)))
    await submit(store, keyed(REPLACE))
    assert (await store.dependencies.resolve(limit=9)).done == 0
    store.due.clear()
    await die(store, claim)
    assert store.due.is_set()
    assert (await known(store, behind)).status is Status.QUEUED
    assert (await store.dependencies.resolve(limit=9)).done
    assert (await known(store, behind)).status is fate


async def test_an_array_may_have_jobs_that_wait_beside_one_with_a_key(store: Store) -> None:
    first = new(awaited=True)
    second = new(after=after(first.id))
    there = await submit(store, keyed())

    inserted = await submitted(store, first, keyed(), second, keyed(key="other"))

    assert [job.id for job in inserted.jobs][:3] == [first.id, there, second.id]
    assert await reason(store, second.id) == HoldReason.AFTER
    claim = await claimed(store, first.id)
    await store.settle([end(claim)])
    assert [job.id for job in (await store.dependencies.resolve(limit=9)).freed] == [second.id]


async def test_a_key_and_a_group_go_together(store: Store) -> None:
    old = await submit(store, keyed(order=Order(group="g")))
    fresh = await submit(store, keyed(REPLACE, order=Order(group="g")))

    page = await store.page("u1", group="g", limit=9, bytes_max=10**6)
    assert [job.id for job in page] == [fresh, old]
    assert {job.group for job in page} == {"g"}
    counts = await store.dependencies.group_counts("u1", "g", count_max=9)
    assert (counts[Status.QUEUED].jobs, counts[Status.ABORTED].jobs) == (1, 1)


async def test_a_re_run_may_have_a_key_though_the_first_run_came_after_others(
    store: Store,
) -> None:
    """It waits for none of them."""
    first = await submit(store, new())
    rerun = Rerun(of=first)
    again = replace(keyed(), after=after(first), rerun=rerun)

    await submit(store, again)

    job = await known(store, again.id)
    assert (job.hold, job.after, job.rerun_of) == (None, after(first), first)
    assert job.unique == again.unique


@pytest.mark.parametrize("on_conflict", OnConflict)
async def test_what_a_successor_waited_for_has_the_key_where_that_one_is_gone(
    store: Store, on_conflict: OnConflict
) -> None:
    """Else the next one began while the processes of the first one live."""
    claim = await running(store, keyed())
    gone = await submit(store, keyed(REPLACE))
    await abort(store, gone)
    assert (await known(store, gone)).status is Status.ABORTED
    fresh = keyed(on_conflict)

    if on_conflict is REJECT:
        with pytest.raises(Exception, match=claim.id):
            await submit(store, fresh)
        return
    inserted = await submitted(store, fresh)

    if on_conflict is EXISTING:
        assert ([job.id for job in inserted.jobs], inserted.created) == ([claim.id], False)
        return
    job = await known(store, fresh.id)
    assert (job.replaces, await reason(store, fresh.id)) == (claim.id, HoldReason.UNIQUE)
    assert (await known(store, claim.id)).replaced_by == gone
    assert await let_go(store) == []
    await die(store, claim)
    assert await let_go(store) == [fresh.id]


async def test_a_node_that_died_in_between_leaves_nothing_that_waits_for_ever(
    store: Store,
) -> None:
    """Its jobs are over once it is buried: its processes are gone by then."""
    claim = await running(store, keyed())
    fresh = await submit(store, keyed(REPLACE))
    assert await let_go(store) == []

    await store.bury("a1")
    assert await let_go(store) == []
    store.due.clear()
    released = await store.release_orphans(losses_max=3, at=later(9))

    assert list(released.ended) == [claim.id]
    assert store.due.is_set()
    assert await let_go(store) == [fresh]
    assert (await claimed(store, fresh, node_id="a2")).attempt == 1


async def test_the_success_that_came_first_wakes_the_promoter(store: Store) -> None:
    claim = await running(store, keyed())
    await submit(store, keyed(REPLACE))
    store.due.clear()

    await store.settle([end(claim)])

    assert store.due.is_set()
