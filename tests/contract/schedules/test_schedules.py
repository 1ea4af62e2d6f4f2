"""What the port `ScheduleStore` promises."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from scheduler.core.access.audit import Action, AuditFilter
from scheduler.core.access.principal import Grant, Principal, Role
from scheduler.core.errors import QuotaExceeded, StoreUnavailable
from scheduler.core.job import Cleanup, Failure, FailureKind, Hold, HoldReason, Job, Status
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Retiming, Store
from scheduler.core.quotas.quota import Quota
from scheduler.core.schedules.firing import Unfinished
from scheduler.core.schedules.schedule import (
    HISTORY_KEPT,
    Misfire,
    Overlap,
    Schedule,
    ScheduleKey,
    SkipReason,
)
from scheduler.core.schedules.timing import Timing
from scheduler.service.access.audit import recorded
from tests.contract.schedules.making import KEY, firing, hours, plan, schedule
from tests.support.stores import (
    AT,
    abort,
    claimed,
    end,
    ids_of,
    ids_waiting,
    known,
    later,
    new,
    node,
)

TOKEN_ID = "t1"  # noqa: S105 - no secret
FAILED = Failure(kind=FailureKind.EXCEPTION, message="no")
OTHER = ScheduleKey("u2", "nightly")
EVERYTHING = plan(
    timing=Timing(
        cron="0 2 * * *",
        timezone="Europe/Berlin",
        start_at=AT,
        end_at=later(1e7),
    ),
    data='{"of": "yesterday"}',
    hook="https://example.com/hook",
    jitter_s=1.5,
    misfire=Misfire.ALL,
    catchup_s=60.0,
    overlap=Overlap.REPLACE,
    note="a report",
    pause_after_failures=3,
    remaining=7,
    priority=60,
    max_attempts=3,
)


async def put(store: Store, wanted: Schedule | None = None) -> Schedule:
    stored = await store.schedules.put(wanted or schedule(), revision=None)
    assert stored is not None
    return stored


async def found(store: Store, key: ScheduleKey = KEY) -> Schedule:
    schedule_ = (await store.schedules.standing(key)).schedule
    assert schedule_ is not None
    return schedule_


async def fired(store: Store, *at: datetime, held: HoldReason | None = None) -> list[Job]:
    """The jobs of these occurrences of the schedule that there is."""
    jobs = await store.schedules.fire(firing(await found(store), *at, held=held))
    assert jobs is not None
    return list(jobs)


async def let_go(store: Store) -> list[str]:
    return [each.id for each in (await store.schedules.let_go(limit=10)).waiting]


async def test_a_schedule_is_found_as_it_was_stored(store: Store) -> None:
    """With each of its fields."""
    wanted = schedule(
        EVERYTHING, set_by="web", token_id=TOKEN_ID, undoable=True, needs=("gpu", "zone=eu")
    )
    stored = await put(store, wanted)

    assert stored == wanted
    assert await found(store) == wanted
    assert list(await store.schedules.page(None, limit=10)) == [wanted]


async def test_no_schedule_is_found_where_there_is_none(store: Store) -> None:
    standing = await store.schedules.standing(KEY)
    assert (standing.schedule, standing.unfinished) == (None, Unfinished(0, 0))
    assert abs(standing.now - datetime.now(UTC)) < timedelta(seconds=60)


async def test_a_schedule_is_not_replaced_unseen(store: Store) -> None:
    """Who has read another revision has decided by what is no more."""
    await put(store)
    again = schedule(plan(note="again"))

    assert await store.schedules.put(again, revision=None) is None
    assert await store.schedules.put(again, revision=7) is None
    replaced = await store.schedules.put(again, revision=1)

    assert replaced == replace(again, revision=2)
    assert await found(store) == replaced


async def test_schedules_are_listed_by_user_and_name(store: Store) -> None:
    keys = [ScheduleKey("u1", "a"), KEY, OTHER]
    for number, key in enumerate(reversed(keys)):
        await put(store, schedule(key=key, id=f"s{number}"))

    async def listed(uid: str | None, after: ScheduleKey | None = None, limit: int = 9) -> object:
        return [each.key for each in await store.schedules.page(uid, after=after, limit=limit)]

    assert await listed(None) == keys
    assert await listed("u1") == keys[:2]
    assert await listed(None, keys[0], 1) == [KEY]
    assert await listed(None, OTHER) == []


async def test_a_deleted_schedule_is_gone_and_its_jobs_stay(store: Store) -> None:
    await put(store)
    (job,) = await fired(store, hours(1))
    before = await found(store)

    assert await store.schedules.delete(KEY) == before
    assert await store.schedules.delete(KEY) is None
    assert (await store.schedules.standing(KEY)).schedule is None
    assert list(await store.schedules.recent(before, limit=10)) == []
    assert (await known(store, job.id)).schedule == "nightly"


async def test_a_deleted_schedule_leaves_nothing_whatever_dies(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What became of its occurrences goes in the same transaction: nobody would delete it later."""
    await put(store)
    await fired(store, hours(1))
    before = await found(store)

    with monkeypatch.context() as dying, suppress(StoreUnavailable):
        dying.setattr(store.schedules, "_fetch", _no_answer, raising=False)
        await store.schedules.delete(KEY)

    assert (await store.schedules.standing(KEY)).schedule is None
    assert list(await store.schedules.recent(before, limit=10)) == []


async def _no_answer(*_: object) -> NoReturn:
    raise StoreUnavailable("its node died")


async def test_the_jobs_of_a_schedule_that_can_be_aborted_are_found(store: Store) -> None:
    """Those that are queued or run, of this schedule alone, up to an id."""
    await put(store)
    await put(store, schedule(key=ScheduleKey("u1", "other"), id="s2"))
    first, second, third = await fired(store, hours(1), hours(2), hours(3))
    other = firing(await found(store, ScheduleKey("u1", "other")), hours(1))
    await store.schedules.fire(other)
    await store.insert([new()])
    await claimed(store, second.id)
    await abort(store, third.id)

    async def left(last_id: str | None = None) -> list[str]:
        found = store.unfinished("u1", schedule="nightly", last_id=last_id, limit=10)
        return list(await found)

    assert await left() == sorted([first.id, second.id])
    assert await left(min(first.id, second.id)) == [min(first.id, second.id)]
    assert await store.unfinished("u2", schedule="nightly", limit=10) == []


async def test_what_is_done_with_a_schedule_is_recorded_with_it(store: Store) -> None:
    """And nothing is where it had no effect."""
    by = Principal(name="web", grants=(Grant(Role.USER, ("*",)),))
    audit = recorded(by, Action.SET_SCHEDULE, at=AT, uid="u1", target="nightly")
    stored = await store.schedules.put(schedule(), revision=None, audit=audit)
    assert stored is not None
    other = recorded(by, Action.RUN_SCHEDULE, at=AT, uid="u1", target="nightly")
    await store.schedules.fire(
        replace(firing(stored, hours(1)), schedule=schedule(revision=9)), audit=other
    )

    records = await store.audit.page(AuditFilter(), limit=10)
    assert [record.action for record in records] == ["set_schedule"]
    await store.schedules.fire(firing(stored, hours(1)), audit=other)
    assert len(await store.audit.page(AuditFilter(), limit=10)) == 2


async def test_an_occurrence_becomes_a_job(store: Store) -> None:
    """Stored, with what it is, and waiting for a worker."""
    await put(store)
    (job,) = await fired(store, hours(1))

    assert (job.schedule, job.scheduled_for, job.hold) == ("nightly", hours(1), None)
    assert await known(store, job.id) == job
    (outline,) = await store.outlines([job.id])
    assert (outline.schedule, outline.scheduled_for) == ("nightly", hours(1))
    assert await ids_waiting(store) == [job.id]
    claim = await claimed(store, job.id)
    assert (claim.schedule, claim.scheduled_for) == ("nightly", hours(1))
    (held,) = await store.claims_of("a1", but=[])
    assert (held.schedule, held.scheduled_for) == ("nightly", hours(1))


async def test_an_occurrence_is_handled_once(store: Store) -> None:
    """Any number of nodes may look at the same schedule at the same time."""
    await put(store)
    read = await found(store)
    tries = [store.schedules.fire(firing(read, hours(1))) for _ in range(5)]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each, name=f"node {n}") for n, each in enumerate(tries)]

    done = [task.result() for task in tasks]
    assert sorted(len(each or ()) for each in done) == [0, 0, 0, 0, 1]
    assert done.count(None) == 4
    assert len(await ids_waiting(store)) == 1
    after = await found(store)
    assert (after.cursor, after.next_at, after.revision) == (hours(1), hours(2), 2)


@pytest.mark.parametrize("remaining", [6, 0, None])
async def test_how_many_jobs_a_schedule_still_makes_goes_down_with_them(
    store: Store, remaining: int | None
) -> None:
    """With its cursor, or not at all."""
    await put(store, schedule(plan(remaining=7)))
    before = await found(store)

    await store.schedules.fire(firing(before, hours(1), remaining=remaining))
    assert await store.schedules.fire(firing(before, hours(2), remaining=5)) is None

    assert (await found(store)).plan.remaining == remaining


async def test_an_occurrence_that_has_a_job_gets_no_other_one(store: Store) -> None:
    """Also where the cursor says that it is to come, as after a time that was set wrong."""
    await put(store)
    await fired(store, hours(1))
    await store.schedules.put(schedule(), revision=2)

    assert await fired(store, hours(1)) == []
    assert len(await ids_waiting(store)) == 1

    await store.schedules.delete(KEY)
    await put(store, schedule(id="s2"))
    assert await fired(store, hours(1)) == [], "nor where the schedule is made anew"
    assert set(await store.schedules.occurred(await found(store), [hours(1), hours(2)])) == {
        hours(1)
    }


async def test_a_run_whose_key_another_request_took_leaves_nothing(store: Store) -> None:
    """It came in between: what is shown of the schedule would lead to a job that is nowhere."""
    await put(store)
    await store.insert([new(key="i", fingerprint="f")])
    run = firing(await found(store), AT + timedelta(milliseconds=1), cursor=AT)
    made = run.made[0]._replace(job=replace(run.made[0].job, idempotency_key="i", fingerprint="g"))
    audit = recorded(Principal(name="web", grants=()), Action.RUN_SCHEDULE, at=AT)

    assert list(await store.schedules.fire(replace(run, made=[made]), audit=audit) or ()) == []
    assert list(await store.schedules.recent(await found(store), limit=10)) == []
    assert list(await store.audit.page(AuditFilter(), limit=9)) == []
    assert (await known(store, (await ids_waiting(store))[0])).schedule is None


async def test_an_occurrence_is_not_made_again_once_its_job_is_deleted(store: Store) -> None:
    """Jobs are deleted after a time: that each was once must not hang on their rows."""
    await put(store)
    (job,) = await fired(store, hours(1))
    await store.settle([end(await claimed(store, job.id))])
    assert await store.delete_finished(before=later(1e9), limit=10) == 1

    await store.schedules.put(schedule(), revision=2)

    assert await fired(store, hours(1)) == []
    assert await ids_waiting(store) == []


async def test_what_was_skipped_can_be_made_up_for(store: Store) -> None:
    await put(store)
    skipped = firing(await found(store), hours(1), skipped=SkipReason.OVERLAP)
    assert await store.schedules.fire(skipped) == []
    assert list(await store.schedules.occurred(await found(store), [hours(1)])) == []

    (job,) = await fired(store, hours(1))

    (occurrence,) = await store.schedules.recent(await found(store), limit=10)
    assert (occurrence.job_id, occurrence.skipped) == (job.id, None)


async def test_what_became_of_occurrences_is_remembered(store: Store) -> None:
    """The last ones, newest first, with where their jobs stand."""
    await put(store)
    await store.schedules.fire(firing(await found(store), hours(1), skipped=SkipReason.PAUSED))
    (job,) = await fired(store, hours(2))
    await store.settle([end(await claimed(store, job.id))])

    recent = await store.schedules.recent(await found(store), limit=10)

    told = [(each.scheduled_for, each.job_id, each.skipped, each.job_status) for each in recent]
    assert told == [
        (hours(2), job.id, None, Status.SUCCESSFUL),
        (hours(1), None, SkipReason.PAUSED, None),
    ]


async def test_only_so_many_occurrences_are_remembered(store: Store) -> None:
    await put(store)
    for number in range(1, HISTORY_KEPT + 4):
        skipped = firing(await found(store), hours(number), skipped=SkipReason.PAUSED)
        await store.schedules.fire(skipped)

    recent = await store.schedules.recent(await found(store), limit=1000)

    assert len(recent) == HISTORY_KEPT
    assert recent[0].scheduled_for == hours(HISTORY_KEPT + 3)


async def test_what_is_due_is_found_by_the_clock_of_the_store(store: Store) -> None:
    """The longest due first, and nothing that is paused, has ended or is to come."""
    now = datetime.now(UTC).replace(microsecond=0)
    assert await store.schedules.upcoming() == (None, False)
    await put(store, schedule(key=ScheduleKey("u1", "later"), next_at=now + timedelta(hours=1)))
    upcoming = await store.schedules.upcoming()
    assert upcoming.due_s is not None
    assert 3500 < upcoming.due_s <= 3600
    assert list(await store.schedules.due(limit=10)) == []

    for number in (1, 2, 3):
        at = now - timedelta(minutes=number)
        await put(store, schedule(key=ScheduleKey("u1", str(number)), id=f"d{number}", next_at=at))
    await put(store, schedule(plan(paused=True), key=OTHER, id="p"))

    due = await store.schedules.due(limit=2)
    assert [each.schedule and each.schedule.key.name for each in due] == ["3", "2"]
    upcoming = await store.schedules.upcoming()
    assert upcoming.due_s is not None
    assert upcoming.due_s < -170


async def test_it_is_told_how_many_jobs_of_a_schedule_are_not_over(store: Store) -> None:
    """Queued, running, or still to be undone; those of others do not count."""
    await put(store)
    await put(store, schedule(key=OTHER, id="s2"))
    first, second = await fired(store, hours(1), hours(2))
    await store.insert([new()])
    (third,) = await fired(store, hours(3), held=HoldReason.OVERLAP)

    async def unfinished() -> Unfinished:
        return (await store.schedules.standing(KEY)).unfinished

    assert await unfinished() == Unfinished(3, 1)
    await store.settle([end(await claimed(store, first.id))])
    assert await unfinished() == Unfinished(2, 1)
    await claimed(store, second.id)
    assert await unfinished() == Unfinished(2, 1)
    await abort(store, third.id)
    assert await unfinished() == Unfinished(1, 0)
    assert (await store.schedules.standing(OTHER)).unfinished == Unfinished(0, 0)


@pytest.mark.parametrize("key", [PauseKey(PauseKind.TASK, "task1"), PauseKey(PauseKind.UID, "u1")])
async def test_it_is_told_that_its_handler_or_user_is_paused(store: Store, key: PauseKey) -> None:
    await put(store)
    assert not (await store.schedules.standing(KEY)).paused
    await store.pauses.put(key, reason=None, until=None, by=None)
    assert (await store.schedules.standing(KEY)).paused
    await store.pauses.end(key)
    assert not (await store.schedules.standing(KEY)).paused


async def test_nothing_is_stored_beyond_a_quota(store: Store) -> None:
    """Neither jobs nor cursor."""
    await put(store)
    await store.insert([new()])
    quotas = {"u1": Quota(pattern="u1", queued_max=2)}
    read = await found(store)

    with pytest.raises(QuotaExceeded):
        await store.schedules.fire(firing(read, hours(1), hours(2)), quotas=quotas)

    assert await found(store) == read
    jobs = await store.schedules.fire(firing(read, hours(1)), quotas=quotas)
    assert len(jobs or ()) == 1


async def test_a_schedule_is_paused_unless_it_has_changed(store: Store) -> None:
    read = await put(store)
    await fired(store, hours(1))
    assert not await store.schedules.pause(read, note="why")

    assert await store.schedules.pause(await found(store), note="why")

    paused = await found(store)
    assert (paused.plan.paused, paused.plan.note, paused.next_at) == (True, "why", None)


async def test_failures_in_a_row_are_those_since_the_schedule_was_set(store: Store) -> None:
    """The last ones, up to the last success; aborts and what has not ended say nothing."""
    await put(store, schedule(changed_at=hours(2)))
    await put(store, schedule(key=ScheduleKey("u1", "other"), id="s2"))

    async def failures(count_max: int = 9) -> int:
        return await store.schedules.failures_in_a_row(await found(store), count_max=count_max)

    async def ended(hour: int, status: Status) -> None:
        (job,) = await fired(store, hours(hour))
        error = None if status is Status.SUCCESSFUL else FAILED
        await store.settle([end(await claimed(store, job.id), status, error=error)])

    await ended(1, Status.TERMINATED)
    assert await failures() == 0, "that was before"
    await ended(2, Status.TERMINATED)
    await ended(3, Status.SUCCESSFUL)
    await ended(4, Status.TERMINATED)
    (aborted,) = await fired(store, hours(5))
    await abort(store, aborted.id)
    assert await failures() == 1
    await ended(6, Status.TERMINATED)
    await fired(store, hours(7))
    assert (await failures(), await failures(1)) == (2, 1)


async def test_a_job_waits_until_the_earlier_one_of_its_schedule_is_over(store: Store) -> None:
    """Dead, and undone: an abort that is being cleaned up is not over."""
    await put(store)
    await store.register(node())
    (first,) = await fired(store, hours(1))
    (second,) = await fired(store, hours(2), held=HoldReason.OVERLAP)

    assert second.hold == Hold(HoldReason.OVERLAP, None)
    assert (await known(store, second.id)).hold == second.hold
    assert (await store.schedules.upcoming()).overlapping
    assert list(await store.claim([second.id], node_id="a1", at=later(1))) == []
    assert await let_go(store) == []
    claim = await claimed(store, first.id)
    assert await let_go(store) == []
    await store.settle([end(claim)])

    assert await let_go(store) == [second.id]
    assert await let_go(store) == []
    job = await known(store, second.id)
    assert (job.hold, job.revision) == (None, 1)
    assert job.eligible_at is not None
    assert not (await store.schedules.upcoming()).overlapping
    assert second.id in await ids_waiting(store)


async def test_a_job_waits_until_what_it_replaces_is_undone(store: Store) -> None:
    await put(store)
    made = firing(await found(store), hours(1))
    job = replace(made.made[0].job, undoable=True)
    await store.schedules.fire(replace(made, made=[made.made[0]._replace(job=job)]))
    claim = await claimed(store, job.id)
    (second,) = await fired(store, hours(2), held=HoldReason.REPLACE)

    assert [each.id for each in await store.schedules.replaced(limit=10)] == [job.id]
    await abort(store, job.id)
    assert list(await store.schedules.replaced(limit=10)) == []
    assert await let_go(store) == [], "its processes are not proven dead"
    await store.settle([end(claim, Status.ABORTED)])
    assert await let_go(store) == [], "its clean-up has not begun"
    clean = await claimed(store, job.id)
    assert await let_go(store) == [], "its clean-up runs"
    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.DONE)

    assert await let_go(store) == [second.id]


async def test_jobs_that_wait_go_one_at_a_time(store: Store) -> None:
    """The earliest first; one that replaces others before those that wait for their turn."""
    await put(store)
    first, second = await fired(store, hours(1), hours(2), held=HoldReason.OVERLAP)
    (third,) = await fired(store, hours(3), held=HoldReason.REPLACE)
    assert (await store.counts(count_max=9)).held == {"overlap": 2, "replace": 1}
    assert list(await store.schedules.replaced(limit=10)) == [], "nothing of them runs"

    order = []
    for _ in range(3):
        (job_id,) = await let_go(store)
        order.append(job_id)
        await store.settle([end(await claimed(store, job_id))])

    assert order == [third.id, first.id, second.id]
    assert await let_go(store) == []


async def test_a_job_that_waits_to_replace_others_is_replaced_itself(store: Store) -> None:
    await put(store)
    (first,) = await fired(store, hours(1))
    (second,) = await fired(store, hours(2), held=HoldReason.REPLACE)
    (third,) = await fired(store, hours(3), held=HoldReason.REPLACE)

    replaced = {each.id for each in await store.schedules.replaced(limit=10)}

    assert replaced == {first.id, second.id}
    for each in replaced:
        await abort(store, each)
    assert await let_go(store) == [third.id]


async def test_a_late_occurrence_replaces_what_was_run_by_hand_before_it(store: Store) -> None:
    """Its jitter had it made later; by its time it is the earlier one."""
    await put(store)
    by_hand, waits = hours(1) + timedelta(minutes=5, milliseconds=7), hours(1)
    (first,) = await fired(store, by_hand)
    (second,) = await fired(store, waits, held=HoldReason.REPLACE)

    assert [each.id for each in await store.schedules.replaced(limit=10)] == [first.id]
    await abort(store, first.id)

    assert list(await store.schedules.replaced(limit=10)) == []
    assert await let_go(store) == [second.id]


async def test_of_two_that_wait_to_replace_others_one_is_left(store: Store) -> None:
    """Also where one of them was run by hand."""
    await put(store)
    (first,) = await fired(store, hours(1))
    await fired(store, hours(2) + timedelta(milliseconds=7), held=HoldReason.REPLACE)
    await fired(store, hours(2), held=HoldReason.REPLACE)

    replaced = {each.id for each in await store.schedules.replaced(limit=10)}

    assert first.id in replaced
    assert len(replaced) == 2


async def test_jobs_of_several_schedules_go_beside_each_other(store: Store) -> None:
    await put(store)
    await put(store, schedule(key=OTHER, id="s2"))
    (first,) = await fired(store, hours(1), held=HoldReason.OVERLAP)
    jobs = await store.schedules.fire(
        firing(await found(store, OTHER), hours(1), held=HoldReason.OVERLAP)
    )
    assert jobs is not None

    assert set(await let_go(store)) == {first.id, jobs[0].id}


async def test_what_waits_for_its_turn_is_not_reordered_into_it(store: Store) -> None:
    """A time that a user sets must not let it start beside the earlier one."""
    await put(store)
    await fired(store, hours(1))
    (second,) = await fired(store, hours(2), held=HoldReason.OVERLAP)

    await store.reorder(second.id, uid="u1", priority=60)

    assert (await known(store, second.id)).hold == Hold(HoldReason.OVERLAP, None)


async def test_nothing_of_a_schedule_begins_before_a_time_that_was_set_meanwhile(
    store: Store,
) -> None:
    await put(store)
    await store.register(node())
    (first,) = await fired(store, hours(1))
    (second,) = await fired(store, hours(2), held=HoldReason.OVERLAP)
    run_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await store.reorder(second.id, uid="u1", retiming=Retiming(run_at))

    await store.settle([end(await claimed(store, first.id))])
    assert ids_of((await store.schedules.let_go(limit=10)).timed) == [second.id]

    job = await known(store, second.id)
    assert (job.hold, job.eligible_at) == (Hold(HoldReason.RUN_AT, run_at), None)
    assert await store.claim([second.id], node_id="a1", at=later(1)) == []
    await store.reorder(second.id, uid="u1", retiming=Retiming(None))
    assert (await claimed(store, second.id)).scheduled_for == hours(2)
