"""Several short jobs in one trip to a process: what happens to one is not felt by others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import NOTHING_RAN, Status, StopReason
from scheduler.worker import lot_run, slot_line
from scheduler.worker.prefetch import STREAK
from tests.fakes.slots import FakeProcess
from tests.support.eventually import eventually
from tests.support.workers import TASKS, NodeUnderTest

LOT = 4


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no wait take too long by real time."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 3600.0)
    monkeypatch.setattr(lot_run, "PATIENCE_S", 3600.0)


async def waiting(
    workers: NodeUnderTest, *, uids: Sequence[str] = LOT * ("u1",)
) -> tuple[FakeProcess, list[str]]:
    """A process in which a job runs, and the ids of a lot that waits for it."""
    await workers.submit()
    process = await workers.running()
    for _ in range(10 * STREAK):
        workers.slot_line.prefetch.ran(for_s=0.001)
    submitted = [await workers.submit(uid=uid) for uid in uids]
    workers.slot_line._admit()
    await eventually(lambda: _all_are(workers, submitted, Status.RUNNING))
    return process, submitted


async def sent(workers: NodeUnderTest) -> tuple[FakeProcess, list[str]]:
    """A process to which a lot was sent, and the ids of its jobs: the first is at work."""
    process, submitted = await waiting(workers)
    process.finish()
    await eventually(lambda: process.ran[1:] == submitted[:1])
    return process, submitted


async def _all_are(workers: NodeUnderTest, job_ids: Sequence[str], status: Status) -> bool:
    return {(await workers.job(each)).status for each in job_ids} == {status}


async def finish(workers: NodeUnderTest, job_ids: Sequence[str]) -> None:
    """Let jobs run to their end, in whichever process."""
    for _ in job_ids:
        (await workers.running()).finish()
        await asyncio.sleep(0)
    await eventually(lambda: _all_are(workers, job_ids, Status.SUCCESSFUL))
    assert all([(await workers.job(each)).attempt == 1 for each in job_ids])


async def test_they_are_sent_together_and_run_in_their_order(workers: NodeUnderTest) -> None:
    process, ids = await sent(workers)
    assert [frame["id"] for frame in process.frames][1:] == ids
    await finish(workers, ids)
    assert process.ran[1:] == ids


async def test_as_many_are_sent_as_the_process_may_run_yet(workers: NodeUnderTest) -> None:
    """`jobs_per_process` holds in lots as well."""
    process, ids = await waiting(workers)
    workers.slots.rooms = 3
    process.finish()
    await finish(workers, ids)
    assert [frame["jobs"] for frame in process.frames if "jobs" in frame] == [1, 3, 1]


async def test_a_lot_is_of_one_user_where_users_do_not_share_processes(
    workers: NodeUnderTest,
) -> None:
    """A process sees the data of all jobs that are sent to it, even of those that never begin."""
    workers.slots.share_processes = False
    process, ids = await waiting(workers, uids=("u1", "bob", "u1", "bob"))
    process.finish()
    await finish(workers, ids)
    lots = [[frame["id"] for frame in each.frames] for each in workers.slots.given[1:]]
    assert lots == [[ids[1], ids[3]], [ids[0], ids[2]]]


async def test_one_that_has_ended_is_settled_while_the_others_run(workers: NodeUnderTest) -> None:
    process, ids = await sent(workers)
    process.finish('"first"')
    await eventually(lambda: _all_are(workers, ids[:1], Status.SUCCESSFUL))
    assert (await workers.job(ids[0])).result == '"first"'
    assert await _all_are(workers, ids[1:], Status.RUNNING)


async def test_the_time_in_the_slot_is_shared_by_all_that_ran(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by those that were settled before the end: else short jobs would be taken for long."""
    process, ids = await sent(workers)
    began = workers.clock.monotonic()
    took = []

    def ran(*, for_s: float) -> None:
        took.append(for_s)

    monkeypatch.setattr(workers.slot_line.prefetch, "ran", ran)
    process.finish()
    await eventually(lambda: _all_are(workers, ids[:1], Status.SUCCESSFUL))
    await finish(workers, ids[1:])
    assert took == [(workers.clock.monotonic() - began) / LOT]


async def test_one_that_is_aborted_before_its_turn_never_begins(workers: NodeUnderTest) -> None:
    process, ids = await sent(workers)
    await workers.abort(ids[2])
    await eventually(lambda: _all_are(workers, ids[2:3], Status.ABORTED))
    job = await workers.job(ids[2])
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    await finish(workers, [ids[0], ids[1], ids[3]])
    assert ids[2] not in process.ran
    assert process.alive


async def test_one_that_is_aborted_while_the_lot_waits_never_begins(workers: NodeUnderTest) -> None:
    """At once: it does not wait for the job that has the slot."""
    process, ids = await waiting(workers)
    await workers.abort(ids[2])
    await eventually(lambda: _all_are(workers, ids[2:3], Status.ABORTED))
    process.finish()
    await finish(workers, [ids[0], ids[1], ids[3]])
    assert ids[2] not in process.ran


async def test_one_that_is_aborted_at_work_ends_alone(workers: NodeUnderTest) -> None:
    """The others run in another process."""
    process, ids = await sent(workers)
    process.finish()
    await eventually(lambda: process.ran[1:] == ids[:2])
    await workers.abort(ids[1])
    await workers.becomes(ids[1], "aborted")
    assert not process.alive
    assert process.ran[1:] == ids[:2]
    await finish(workers, ids[2:])
    assert await _all_are(workers, ids[:1], Status.SUCCESSFUL)


async def test_one_that_has_ended_is_not_aborted(workers: NodeUnderTest) -> None:
    """Its end may be in the pipe, of which nobody has told the node."""
    process, ids = await sent(workers)
    settle = workers.store.hold("settle", "before")
    process.finish()
    await settle.reached.wait()
    await workers.abort(ids[0])
    settle.let()
    await finish(workers, ids[1:])
    assert await _all_are(workers, ids[:1], Status.SUCCESSFUL)
    assert process.alive


async def test_one_that_ends_its_process_takes_no_other_along(workers: NodeUnderTest) -> None:
    """Not even those before it, whose ends nobody has read."""
    process, ids = await sent(workers)
    process.finish(quietly=True)
    process.finish(quietly=True)
    process.die(-9)
    await eventually(lambda: _all_are(workers, ids[:2], Status.SUCCESSFUL))
    await workers.becomes(ids[2], "terminated")
    await finish(workers, ids[3:])


async def test_one_that_leaves_something_behind_is_the_last_in_its_process(
    workers: NodeUnderTest,
) -> None:
    process, ids = await sent(workers)
    process.finish(leaves=True)
    await finish(workers, ids[1:])
    assert process.ran[1:] == ids[:1]
    assert process in workers.slots.ended
    assert await _all_are(workers, ids[:1], Status.SUCCESSFUL)


async def test_what_one_prints_is_in_its_own_log(workers: NodeUnderTest) -> None:
    """The others wait until it has ended."""
    process, ids = await sent(workers)
    process.finish()
    process.say("here\n")
    process.finish()
    await finish(workers, ids[2:])
    pages = [await workers.behind.log(each) for each in ids]
    assert [bool(each) for each in pages] == [False, True, False, False]


async def test_a_drain_gives_back_those_that_have_not_begun(workers: NodeUnderTest) -> None:
    process, ids = await sent(workers)
    workers.workers.drain()
    await eventually(lambda: _all_are(workers, ids[1:], Status.QUEUED))
    assert [(await workers.job(each)).attempt for each in ids] == [1, 0, 0, 0]
    process.finish()
    await eventually(lambda: _all_are(workers, ids[:1], Status.SUCCESSFUL))
    assert process.ran[1:] == ids[:1]


async def test_a_lost_lease_gives_back_those_that_have_not_begun(workers: NodeUnderTest) -> None:
    """Guarantee 1. Another node takes them over: none may begin any more."""
    process, ids = await sent(workers)
    workers.lease._lose()
    workers.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)
    await eventually(lambda: _all_are(workers, ids, Status.QUEUED))
    assert [(await workers.job(each)).attempt for each in ids] == [1, 0, 0, 0]
    assert process.ran[1:] == ids[:1]


async def test_one_that_takes_long_goes_on_alone(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait in line like any that are claimed ahead, and get the next slot."""
    process, ids = await waiting(workers)
    monkeypatch.setattr(lot_run, "PATIENCE_S", 0.01)
    process.finish()
    await eventually(lambda: process.ran[1:] == ids[:1])
    await eventually(lambda: len(workers.slot_line._line) == 1)
    monkeypatch.setattr(lot_run, "PATIENCE_S", 3600.0)
    process.finish()
    await finish(workers, ids[1:])
    assert process.ran[1:] == ids
    assert [frame["id"] for frame in process.frames][1:] == [*ids, *ids[1:]]


async def test_a_process_gets_no_other_lot_before_it_is_idle(workers: NodeUnderTest) -> None:
    """It would take the tokens of the next lot for those that the node has taken back."""
    process, ids = await sent(workers)
    process.tells_idle = False
    await workers.abort(ids[2])
    await eventually(lambda: _all_are(workers, ids[2:3], Status.ABORTED))
    process.finish()
    await asyncio.sleep(0.05)
    assert process.ran[1:] == ids[:1]
    process.tells_idle = True
    process.tell_idle()
    await finish(workers, [ids[1], ids[3]])
    assert await _all_are(workers, ids[:1], Status.SUCCESSFUL)


async def getting_a_slot(workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of a lot that has a slot, whose process has just died, and waits for the next one."""
    process, ids = await waiting(workers)
    monkeypatch.setattr(workers.slots, "usable", lambda _: True)
    workers.slots.open.clear()
    process.finish()
    process.alive = False
    await eventually(lambda: not workers.slot_line._line)
    return ids


async def test_one_that_is_aborted_as_the_lot_gets_its_slot_leaves_the_slot_to_the_others(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not take it along."""
    ids = await getting_a_slot(workers, monkeypatch)
    await workers.abort(ids[2])
    await eventually(lambda: _all_are(workers, ids[2:3], Status.ABORTED))
    monkeypatch.undo()
    workers.slots.open.set()
    await finish(workers, [ids[0], ids[1], ids[3]])
    assert len(workers.slots.given) == 2, "there is no other process beside that of the slot"


async def test_a_lot_that_is_given_back_as_it_gets_its_slot_leaves_the_slot(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await getting_a_slot(workers, monkeypatch)
    workers.workers.drain()
    await eventually(lambda: _all_are(workers, ids, Status.QUEUED))
    assert workers.slot_line._entered == 0


async def test_an_end_that_makes_no_sense_is_the_fault_of_its_job_alone(
    workers: NodeUnderTest,
) -> None:
    """Its process is ended; those that had ended before keep their results."""
    process, ids = await sent(workers)
    process.finish()
    process.tell({"leftovers": False})
    process.finish()
    await eventually(lambda: _all_are(workers, [ids[0], ids[2]], Status.SUCCESSFUL))
    process.finish()
    await workers.becomes(ids[1], "terminated")
    await eventually(lambda: _all_are(workers, ids[3:], Status.SUCCESSFUL))
    assert process in workers.slots.ended


async def test_those_that_have_not_begun_get_a_process_with_new_handlers(
    workers: NodeUnderTest,
) -> None:
    """Once handlers are loaded anew, no job begins with the old ones."""
    process, ids = await sent(workers)
    workers.slots.switch()
    process.finish()
    await finish(workers, ids[1:])
    assert process.ran[1:] == ids[:1]
    assert len(workers.slots.given) == 2


async def test_those_whose_handler_has_other_options_by_now_are_claimed_anew(
    workers: NodeUnderTest,
) -> None:
    """The options that they were claimed with would hold until they end."""
    process, ids = await waiting(workers)
    slower = HandlerOptions(name="task1", timeout_s=500)
    workers.slots.switch({**TASKS, "task1": slower})
    process.finish()
    await finish(workers, ids)
    assert not process.ran[1:]


async def test_those_whose_handler_is_gone_by_now_end(workers: NodeUnderTest) -> None:
    """It was renamed: the process that they would get does not know it any more."""
    process, ids = await waiting(workers)
    workers.slots.switch({"another": HandlerOptions(name="another")})
    process.finish()
    await eventually(lambda: _all_are(workers, ids, Status.TERMINATED))
    error = (await workers.job(ids[0])).error
    assert error is not None
    assert error.kind == "unknown_task"
    assert "loaded its handlers at 2026-03-01 12:00:00 UTC" in error.message
