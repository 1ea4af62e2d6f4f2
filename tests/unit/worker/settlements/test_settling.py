"""Settling: a result is kept until the store has it, and clients that wait are notified."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NOT_TRIED, Cleanup, Status, StopReason
from scheduler.core.tasks import Tasks
from tests.fakes import AT
from tests.support.eventually import eventually
from tests.support.workers import NODE, NodeUnderTest

LOST = StoreUnavailable("the answer was lost")


async def test_a_result_is_kept_until_the_store_is_back(workers: NodeUnderTest) -> None:
    """Guarantee 7. The job is done, and may have taken hours."""
    job_id = await workers.submit()
    process = await workers.running()
    settle = workers.store.hold("settle", "before")
    process.finish('"done"')
    await settle.reached.wait()
    settle.let(LOST)
    assert (await workers.becomes(job_id, "successful")).result == '"done"'


async def test_waiting_clients_are_notified_though_the_answer_of_the_store_was_lost(
    workers: NodeUnderTest,
) -> None:
    """The second try changes nothing in the store, and the first one announced nothing."""
    job_id = await workers.submit()
    process = await workers.running()
    async with workers.queue.watch(job_id) as changed:
        workers.store.lose_answer("settle", LOST)
        process.finish()
        await workers.clock.pass_until(changed.is_set)
    assert (await workers.job(job_id)).status is Status.SUCCESSFUL


async def test_a_clean_up_begins_at_once_though_the_answer_of_the_store_was_lost(
    workers: NodeUnderTest,
) -> None:
    """Its id is enqueued once the abort is written, at whichever try."""
    job_id = await workers.submit("undoable")
    await workers.running()
    workers.store.lose_answer("settle", LOST)
    await workers.abort(job_id)
    await workers.becomes(job_id, "aborted")
    await workers.clock.pass_until(lambda: len(workers.slots.frames) == 2)
    assert workers.slots.frames[-1]["purpose"] == "clean"
    workers.slots.given[-1].finish()


async def test_an_attempt_that_was_taken_over_changes_nothing(workers: NodeUnderTest) -> None:
    """Guarantee 2. Only the successor's attempt counts."""
    job_id = await workers.submit()
    process = await workers.running()
    settle = workers.store.hold("settle", "before")
    process.finish('"late"')
    await settle.reached.wait()
    await workers.behind.bury("a")
    await workers.behind.release_orphans(losses_max=3, at=workers.clock.now())
    settle.let()
    await workers.idle()
    assert (await workers.job(job_id)).result is None


async def test_a_clean_up_that_was_taken_over_is_not_logged_as_done(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 2. The successor is still running it, and may fail."""
    job_id = await workers.submit("undoable")
    await workers.running()
    await workers.abort(job_id)
    await workers.becomes(job_id, "aborted")
    await workers.clock.pass_until(lambda: len(workers.slots.frames) == 2)
    settle = workers.store.hold("settle_cleanup", "before")
    workers.slots.given[-1].finish()
    await settle.reached.wait()
    await workers.behind.bury("a")
    await workers.behind.release_orphans(losses_max=3, at=workers.clock.now())
    with capture_logs() as logged:
        settle.let()
        await workers.idle()
    assert [entry["event"] for entry in logged] == ["clean-up taken over"]


async def cleaning(workers: NodeUnderTest) -> str:
    """A job whose clean-up runs in the last process that was given out."""
    job_id = await workers.submit("undoable")
    await workers.running()
    await workers.abort(job_id)
    await workers.becomes(job_id, "aborted")
    await workers.clock.pass_until(lambda: len(workers.slots.frames) == 2)
    return job_id


async def test_a_clean_up_that_failed_waits_without_a_slot_and_without_an_id_in_the_queue(
    workers: NodeUnderTest,
) -> None:
    """The pause may be minutes, and other jobs need the slot."""
    job_id = await cleaning(workers)
    workers.slots.given[-1].die(-signal.SIGSEGV)
    await workers.idle()
    abort = (await workers.job(job_id)).abort
    assert abort is not None
    assert (abort.cleanup, abort.tries.ended) == (Cleanup.PENDING, 1)
    assert abort.tries.next_at is not None
    assert abort.tries.error is not None
    assert "SIGSEGV" in abort.tries.error.message
    assert not workers.queue.server.ids


async def test_a_clean_up_whose_handler_no_node_knows_uses_up_no_try(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All would be used up in seconds, while the node of a later release starts again."""
    monkeypatch.setattr(workers.settling, "_unknown_wait_s", 300.0)
    job_id = await workers.submit("undoable")
    await workers.running()
    workers.slots.tasks = Tasks({}, loaded_at=AT)
    await workers.abort(job_id)
    await workers.becomes(job_id, "aborted")

    async def put_off() -> bool:
        abort = (await workers.job(job_id)).abort
        return abort is not None and abort.tries.next_at is not None

    await workers.clock.pass_until(put_off)
    abort = (await workers.job(job_id)).abort
    assert abort is not None
    assert (abort.cleanup, abort.tries.ended) == (Cleanup.PENDING, 0)
    assert abort.tries.error is not None
    assert abort.tries.error.kind == "unknown_task"


async def test_the_next_try_of_a_clean_up_is_due_by_the_clock_of_the_store(
    workers: NodeUnderTest,
) -> None:
    """Another node may take it, and the clock of this one may be wrong by hours."""
    job_id = await cleaning(workers)
    assert abs(await workers.store.time_of_day() - workers.clock.now()) > timedelta(hours=1)
    workers.slots.given[-1].die(-signal.SIGSEGV)
    await workers.idle()

    abort = (await workers.job(job_id)).abort
    assert abort is not None
    assert abort.tries.next_at is not None
    assert abs(abort.tries.next_at - await workers.store.time_of_day()) < timedelta(minutes=1)


async def test_a_clean_up_that_is_cut_short_is_enqueued_at_once(workers: NodeUnderTest) -> None:
    """Another node, or the next start, goes on with it; no try is used up."""
    job_id = await cleaning(workers)
    workers.workers.drain()
    workers.local_jobs.stop_all(StopReason.DRAIN)
    await workers.idle()
    abort = (await workers.job(job_id)).abort
    assert abort is not None
    assert (abort.cleanup, abort.tries) == (Cleanup.PENDING, NOT_TRIED)
    assert workers.queue.server.ids == [job_id]


async def test_an_abort_counts_once_with_the_proof_of_death(workers: NodeUnderTest) -> None:
    """The histogram must count only aborts that took effect."""
    job_id = await workers.submit()
    await workers.running()
    await workers.abort(job_id)
    await workers.becomes(job_id, "aborted")
    await workers.idle()
    assert workers.job_events.count("abort_seconds_count", signal="SIGKILL") == 1


async def test_a_job_that_only_other_nodes_can_run_is_left_to_them(workers: NodeUnderTest) -> None:
    """It is kept for a moment: else it would come back here a thousand times a second."""
    await workers.behind.register(replace(NODE, id="b", name="b", tasks=("task1",)))
    workers.slots.tasks = Tasks({}, loaded_at=AT)
    job_id = await workers.submit()

    async def claimed() -> bool:
        return (await workers.job(job_id)).status == "running"

    await eventually(claimed)  # while no time passes
    assert list(workers.local_jobs.tracked) == [job_id], "it is not lost meanwhile"
    workers.workers.drain()
    await workers.becomes(job_id, "queued")
