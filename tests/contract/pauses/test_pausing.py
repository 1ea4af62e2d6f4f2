"""What the port `PauseStore` promises: nothing that is paused is claimed, and all goes on after."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.access.audit import Action, AuditFilter, AuditRecord
from scheduler.core.access.principal import Grant, Principal, Role
from scheduler.core.job import NOTHING_RAN, Hold, HoldReason, Order, Purpose, Status
from scheduler.core.pause import Pause, PauseKey, PauseKind
from scheduler.core.ports.store import Retiming, Store
from scheduler.service.access.audit import recorded
from tests.support.eventually import eventually
from tests.support.stores import (
    AT,
    DEATH,
    abort,
    claimed,
    end,
    held,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
    running,
)

TASK = PauseKey(PauseKind.TASK, "task1")
USER = PauseKey(PauseKind.UID, "u1")
NODE = PauseKey(PauseKind.NODE, "node-a")
OPERATOR = Principal(name="ops", grants=(Grant(Role.OPERATOR, ("*",)),))
PARKED = Hold(HoldReason.PAUSED, None)


async def pause(store: Store, key: PauseKey, *, lasts_s: float | None = None) -> Pause:
    until = None if lasts_s is None else datetime.now(UTC) + timedelta(seconds=lasts_s)
    put = await store.pauses.put(key, reason="repair", until=until, by="ops")
    assert put.pause is not None
    return put.pause


async def resume(store: Store, key: PauseKey) -> list[str]:
    """End a pause, and let go what it holds; the ids, in their order."""
    await store.pauses.end(key)
    return [each.id for each in await store.pauses.let_go(key, limit=100)]


async def hold(store: Store, *ids: str, ahead_max: int = 0) -> list[str]:
    return [each.id for each in await store.pauses.hold(ids, ahead_max=ahead_max)]


def record() -> list[AuditRecord]:
    return list(recorded(OPERATOR, Action.PAUSE, at=AT, target="task/task1"))


async def claims(store: Store, *ids: str) -> list[str]:
    return [each.id for each in await store.claim(ids, node_id="a1", at=later(1))]


@pytest.mark.parametrize("key", [TASK, USER, NODE])
async def test_nothing_that_is_paused_is_claimed(store: Store, key: PauseKey) -> None:
    """An id in the queue may be stale, so the claim decides."""
    job_id = await queued(store)
    await store.register(node())
    await pause(store, key)

    assert await claims(store, job_id) == []

    await resume(store, key)
    assert await claims(store, job_id) == [job_id]


@pytest.mark.parametrize("key", [TASK, USER, NODE])
async def test_nothing_that_is_paused_is_stored_as_claimed(store: Store, key: PauseKey) -> None:
    """Insertion and claim are one statement for a worker that idles."""
    await store.register(node())
    await pause(store, key)

    found = await store.insert([new()], claimer="a1")

    assert (found.created, list(found.claims)) == (True, [])
    assert (await known(store, found.jobs[0].id)).status is Status.QUEUED


async def test_others_are_claimed_meanwhile(store: Store) -> None:
    """Of a lot only what is paused stays behind."""
    sent = [new(), new("u2"), new(task="task2")]
    await store.insert(sent)
    await store.register(node())
    await store.register(node("b1", name="node-b"))

    await pause(store, PauseKey(PauseKind.UID, "u2"))
    await pause(store, PauseKey(PauseKind.TASK, "task2"))
    await pause(store, PauseKey(PauseKind.NODE, "node-b"))

    assert await claims(store, *(job.id for job in sent)) == [sent[0].id]


async def test_a_new_job_of_what_is_paused_is_held_from_the_start(store: Store) -> None:
    """Its id never enters the queue, and whoever submitted it is told at once."""
    await pause(store, TASK)

    (job,) = (await store.insert([new()])).jobs

    assert (job.status, job.hold) == (Status.QUEUED, PARKED)
    assert await known(store, job.id) == job
    assert await ids_waiting(store) == []


async def test_a_pause_of_a_node_holds_no_job(store: Store) -> None:
    """They run on other nodes."""
    job_id = await queued(store)
    await pause(store, NODE)
    (other,) = (await store.insert([new()])).jobs

    assert await hold(store, job_id, other.id, ahead_max=10) == []
    assert await ids_waiting(store) == [job_id, other.id]


async def test_what_runs_goes_on(store: Store) -> None:
    claim = await running(store)
    await pause(store, TASK)

    assert await store.settle([end(claim)]) == {claim.id: Status.SUCCESSFUL}


async def test_an_abort_of_a_paused_job_is_done_at_once(store: Store) -> None:
    """An abort is never paused."""
    await pause(store, USER)
    job_id = await queued(store, undoable=True)

    job = await abort(store, job_id)

    assert job is not None
    assert job.abort is not None
    assert (job.status, job.hold, job.abort.death) == (Status.ABORTED, None, NOTHING_RAN)


@pytest.mark.parametrize("key", [TASK, USER, NODE])
async def test_clean_ups_are_not_paused(store: Store, key: PauseKey) -> None:
    """What an abort left half done would stay so."""
    claim = await running(store, undoable=True)
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    await pause(store, key)

    cleaning = await claimed(store, claim.id)

    assert cleaning.purpose is Purpose.CLEAN


async def test_what_a_node_gives_back_is_paused_too(store: Store) -> None:
    """The attempt that would follow is a new one."""
    claim = await running(store)
    await pause(store, TASK)
    await store.settle([end(claim, Status.QUEUED, death=DEATH)])

    assert await claims(store, claim.id) == []


async def test_met_jobs_are_held_and_found_by_nothing_that_looks_for_work(store: Store) -> None:
    """Else a worker would meet them again and again."""
    job_id = await queued(store)
    other = await queued(store, "u2")
    before = await known(store, job_id)
    await pause(store, USER)

    assert await hold(store, job_id, other) == [job_id]

    job = await known(store, job_id)
    assert (job.hold, job.turn_at, job.eligible_at) == (PARKED, before.turn_at, before.eligible_at)
    assert job.revision > before.revision
    assert await ids_waiting(store) == [other]
    assert (await store.counts(count_max=10)).held == {"paused": 1}
    assert await hold(store, job_id, other) == []


async def test_the_next_jobs_are_held_with_those_that_are_met(store: Store) -> None:
    """A backlog of what is paused is in nobody's way for long."""
    ids = [await queued(store, uid) for uid in ("u1", "u2", "u1", "u1", "u1")]
    await pause(store, TASK)

    assert await hold(store, ids[4], ahead_max=2) == [ids[0], ids[2], ids[4]]


async def test_held_jobs_are_let_go_in_their_old_order_by_small_steps(store: Store) -> None:
    ids = [await queued(store) for _ in range(3)]
    sent = new(order=Order(priority=3600))
    await store.insert([sent])
    await pause(store, TASK)
    await hold(store, *ids, sent.id)
    await store.pauses.end(TASK)

    first = await store.pauses.let_go(TASK, limit=2)
    assert [each.id for each in first] == [sent.id, ids[0]]
    assert not await store.pauses.forget(TASK)
    second = await store.pauses.let_go(TASK, limit=10)

    assert [each.id for each in second] == ids[1:]
    assert await ids_waiting(store) == [sent.id, *ids]
    assert await store.pauses.forget(TASK)
    assert list(await store.pauses.ended(limit=10)) == []
    assert await store.next_due_s() is None


async def test_nothing_is_let_go_while_the_pause_lasts(store: Store) -> None:
    """A node may have found it ended, and another have paused again since."""
    job_id = await queued(store)
    await pause(store, TASK)
    await hold(store, job_id)
    await store.pauses.end(TASK)
    await pause(store, TASK)

    assert list(await store.pauses.let_go(TASK, limit=10)) == []
    assert not await store.pauses.forget(TASK)
    assert [each.key for each in await store.pauses.page(limit=10)] == [TASK]


async def test_what_two_pauses_hold_waits_for_the_end_of_both(store: Store) -> None:
    job_id = await queued(store)
    await pause(store, TASK)
    await pause(store, USER)
    await hold(store, job_id)

    assert await resume(store, TASK) == []
    assert await store.pauses.forget(TASK)
    assert await resume(store, USER) == [job_id]


async def test_a_pause_ends_by_itself(store: Store) -> None:
    """Also where no node is up that was told of it: the claim itself looks at the time."""
    job_id = await queued(store)
    await pause(store, TASK, lasts_s=0.2)
    await hold(store, job_id)
    due_s = await store.next_due_s()
    assert due_s is not None
    assert due_s < 0.3

    async def over() -> bool:
        return list(await store.pauses.ended(limit=10)) == [TASK]

    await eventually(over)
    assert list(await store.pauses.page(limit=10)) == []
    assert [each.id for each in await store.pauses.let_go(TASK, limit=10)] == [job_id]
    assert await store.pauses.forget(TASK)


async def test_an_end_that_is_past_pauses_nothing(store: Store) -> None:
    """By the store's clock: that of a node may be wrong."""
    put = await store.pauses.put(
        TASK, reason=None, until=datetime.now(UTC) - timedelta(hours=1), by=None, audit=record()
    )

    assert (put.pause, put.changed) == (None, False)
    assert list(await store.pauses.page(limit=10)) == []
    assert list(await store.audit.page(AuditFilter(), limit=10)) == []


async def test_a_repetition_changes_nothing_and_has_no_record(store: Store) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    first = await store.pauses.put(TASK, reason="a", until=until, by="ops", audit=record())
    again = await store.pauses.put(TASK, reason="a", until=until, by="else", audit=record())

    assert (first.changed, again.changed, first.pause) == (True, False, again.pause)
    assert len(await store.audit.page(AuditFilter(), limit=10)) == 1


async def test_another_reason_or_end_replaces_the_old_one(store: Store) -> None:
    first = await pause(store, TASK, lasts_s=3600)
    put = await store.pauses.put(TASK, reason=None, until=None, by="else", audit=record())

    assert put.pause is not None
    assert (put.changed, put.pause.reason, put.pause.until, put.pause.by) == (
        True,
        None,
        None,
        "else",
    )
    assert put.pause.paused_at == first.paused_at
    assert list(await store.pauses.page(limit=10)) == [put.pause]
    assert len(await store.audit.page(AuditFilter(), limit=10)) == 1


async def test_an_end_is_recorded_where_it_ends_a_pause(store: Store) -> None:
    first = await pause(store, TASK)

    assert await store.pauses.end(TASK, audit=record()) == first
    assert await store.pauses.end(TASK, audit=record()) is None
    assert await store.pauses.end(USER, audit=record()) is None
    assert len(await store.audit.page(AuditFilter(), limit=10)) == 1


async def test_pauses_are_listed_by_kind_and_name(store: Store) -> None:
    keys = [NODE, TASK, PauseKey(PauseKind.TASK, "task2"), USER]
    for key in reversed(keys):
        await pause(store, key)

    listed = [each.key for each in await store.pauses.page(limit=10)]
    second = await store.pauses.page(after=keys[0], limit=2)
    tasks = await store.pauses.page(kind=PauseKind.TASK, limit=10)

    assert listed == keys
    assert [each.key for each in second] == keys[1:3]
    assert [each.key for each in tasks] == keys[1:3]


async def test_the_pause_of_a_node_is_found_by_its_name(store: Store) -> None:
    """It is kept over the node's restart, which has another id."""
    paused = await pause(store, NODE)

    assert await store.pauses.of_node("node-a") == paused
    assert await store.pauses.of_node("node-b") is None
    await store.pauses.end(NODE)
    assert await store.pauses.of_node("node-a") is None
    assert list(await store.pauses.let_go(NODE, limit=10)) == []
    assert await store.pauses.forget(NODE)


async def test_a_deadline_goes_on_counting_while_a_job_is_paused(store: Store) -> None:
    """A job that is worth nothing when it is late is worth nothing after a pause."""
    sent = new(order=Order(start_within_s=0.001))
    await pause(store, TASK)
    await store.insert([sent])
    due_s = await store.next_due_s()
    assert due_s is not None
    assert due_s <= 0.001

    async def ended() -> bool:
        return list(await store.expire(limit=10)) == [sent.id]

    await eventually(ended)


async def test_a_paused_job_can_be_given_another_turn_and_another_time(store: Store) -> None:
    """What it waits for is then the time, which would be forgotten otherwise."""
    await pause(store, TASK)
    job_id = await queued(store)

    await store.reorder(job_id, uid="u1", priority=60)
    await store.reorder(job_id, uid="u1", retiming=Retiming(None))
    job = await known(store, job_id)
    assert (job.hold, job.priority) == (PARKED, 60)

    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await store.reorder(job_id, uid="u1", retiming=Retiming(tomorrow))
    assert await resume(store, TASK) == []
    job = await known(store, job_id)
    assert job.hold is not None
    assert (job.hold.reason, job.eligible_at) == (HoldReason.RUN_AT, None)


async def test_a_job_whose_time_comes_while_it_is_paused_is_met_like_others(store: Store) -> None:
    (job,) = (await store.insert([new(order=Order(delay_s=0.001))])).jobs
    await store.register(node())
    await pause(store, TASK)
    assert job.hold is not None
    assert job.hold.reason == HoldReason.RUN_AT

    async def due() -> bool:
        return bool(await store.promote(limit=10))

    await eventually(due)
    assert await claims(store, job.id) == []
    assert await hold(store, job.id) == [job.id]


async def test_what_waits_for_its_time_is_not_held_for_a_pause(store: Store) -> None:
    job_id = await held(store)
    await pause(store, TASK)

    assert await hold(store, job_id, ahead_max=10) == []


async def test_pauses_holds_and_ends_may_come_together(store: Store) -> None:
    """Whatever comes first: in the end no job is held by a pause that nobody knows."""
    ids = [await queued(store) for _ in range(20)]
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(pause(store, TASK))
            group.create_task(hold(store, *ids, ahead_max=5))
            group.create_task(resume(store, TASK))
            group.create_task(store.pauses.forget(TASK))

    await pause(store, TASK)
    await store.pauses.end(TASK)
    while await store.pauses.let_go(TASK, limit=7):
        pass
    assert await store.pauses.forget(TASK)
    assert await ids_waiting(store) == ids
