"""An attempt: what stops it, when, and with which outcome."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    NOTHING_RAN,
    Claim,
    Crashed,
    Death,
    JsonText,
    Outcome,
    Progress,
    Purpose,
    Returned,
    Stopped,
    StopReason,
)
from scheduler.core.limits.declaration import Throttle, ThrottleRule
from scheduler.core.limits.limiters import Limiter
from scheduler.core.tasks import Tasks
from scheduler.worker.attempt import NOTIFICATIONS_MAX, Attempt
from scheduler.worker.node_api import NodeApi
from tests.fakes import AT, FakeClock
from tests.fakes.slots import FakeProcess, FakeSlots
from tests.support.eventually import eventually
from tests.support.job_events import Counting

CLAIM = Claim(
    id="1",
    uid="u1",
    task="task1",
    data=JsonText("null"),
    hook=None,
    attempt=1,
    token=1,
    purpose=Purpose.RUN,
)
KILLED = Death(signal="SIGKILL", processes=1, survivors=0)
LONG_S = 3600.0


class Running:
    """A running attempt, and the slots it runs in."""

    def __init__(
        self, slots: FakeSlots, attempt: Attempt, run: asyncio.Task[Outcome], kept: Kept
    ) -> None:
        self.slots, self.attempt, self.run, self.kept = slots, attempt, run, kept

    async def process(self) -> FakeProcess:
        await eventually(lambda: self.slots.frames)
        return self.slots.given[0]


def progress_frame(done: object, total: object, message: object) -> dict[str, object]:
    """Progress as a pool process sends it."""
    return {"done": done, "total": total, "message": message}


async def forget(_claim: Claim, _number: int, _payload: JsonText) -> None:
    """Drop a notification."""


class Kept:
    """What an attempt has stored."""

    def __init__(self, keep: Callable[[Claim, int, JsonText], Coroutine[None, None, None]]) -> None:
        self.keep_notification = keep
        self.closed: list[tuple[str, float]] = []

    async def close_throttle(self, _claim: Claim, limiter: Limiter, after_s: float) -> None:
        self.closed.append((limiter.key, after_s))


@asynccontextmanager
async def running(
    *,
    slots: FakeSlots | None = None,
    time_limit_s: float | None = None,
    grace_s: float = 0,
    keep_notification: Callable[[Claim, int, JsonText], Coroutine[None, None, None]] = forget,
    throttle: ThrottleRule | None = None,
) -> AsyncIterator[Running]:
    slots, kept = slots or FakeSlots(), Kept(keep_notification)
    async with asyncio.TaskGroup() as group:
        attempt = Attempt(
            CLAIM,
            group=group,
            slots=cast("Any", slots),
            options=HandlerOptions(name="task1", throttle=throttle),
            node_api=NodeApi("http://127.0.0.1:8000"),
            node_grace_s=grace_s,
            time_limit_s=time_limit_s,
            keeper=kept,
            on_output=lambda *_: None,
            job_events=Counting(FakeClock()),
        )
        yield Running(
            slots, attempt, group.create_task(attempt.run(cast("Any", slots.ready(None)))), kept
        )


async def test_a_result_is_the_outcome() -> None:
    """And its process runs the next job."""
    async with running() as trial:
        (await trial.process()).finish("1")
    assert trial.run.result() == Returned(JsonText("1"))
    assert not trial.slots.ended


async def test_what_a_job_left_running_ends_with_it() -> None:
    """No process outlives its job, even without an abort."""
    async with running() as trial:
        (await trial.process()).finish("1", leaves=True)
    assert trial.slots.ended == trial.slots.given


async def test_a_death_without_a_result_is_a_crash() -> None:
    """With its exit status, for whoever has to find the cause."""
    async with running() as trial:
        (await trial.process()).die(3)
    assert trial.run.result() == Crashed(3)


@pytest.mark.parametrize(
    "end",
    [
        {"leftovers": False},
        {"leftovers": False, "signalled": False, "progress": None},
        {"leftovers": False, "signalled": False, "progress": None, "returned": 1},
        {"leftovers": False, "signalled": False, "progress": {"percent": 1}, "returned": "1"},
        {"leftovers": False, "signalled": False, "progress": None, "returned": "not JSON"},
        {
            "leftovers": False,
            "signalled": False,
            "progress": {"done": "x", "total": 1, "message": None},
            "returned": "1",
        },
        {
            "leftovers": False,
            "signalled": False,
            "progress": {"done": 1, "total": [], "message": None},
            "returned": "1",
        },
        {
            "leftovers": False,
            "signalled": False,
            "progress": {"done": 1, "total": 1, "message": 2},
            "returned": "1",
        },
        {"leftovers": False, "signalled": False, "progress": None, "raised": {"reason": "x"}},
        {
            "leftovers": False,
            "signalled": False,
            "progress": None,
            "raised": {"type": 1, "message": 2, "traceback": 3},
        },
        *(
            {
                "leftovers": False,
                "signalled": False,
                "progress": None,
                "raised": {"type": "E", "message": "m", "traceback": "t", **said},
            }
            for said in ({"retryable": 1, "after_s": None}, {"retryable": True, "after_s": "soon"})
        ),
    ],
)
async def test_a_malformed_end_frame_is_a_crash(end: dict[str, object]) -> None:
    """A handler can make its process write anything, and that must not end the node.

    The user reads that, and not that a signal killed the process: the node did that itself.
    """
    async with running() as trial:
        process = await trial.process()
        process.tell({"progress": 7})
        process.tell({"notify": 7})
        process.tell({"notify": "not JSON"})
        process.tell(end)
    assert trial.run.result() == Crashed(-signal.SIGKILL, broke_protocol=True)
    assert trial.slots.ended == trial.slots.given


async def test_a_frame_that_makes_no_sense_is_told_from_a_death() -> None:
    """Nobody else killed the process."""
    async with running() as trial:
        process = await trial.process()
        process.broke_protocol = True
        process.die(-signal.SIGKILL)
    assert trial.run.result() == Crashed(-signal.SIGKILL, broke_protocol=True)


@pytest.mark.parametrize(
    "text", ["[" * 30_000 + "]" * 30_000, "7" * 5000, "1e400"], ids=["deep", "digits", "double"]
)
async def test_a_result_may_have_any_depth_and_any_number_of_digits(text: str) -> None:
    """JSON has no limit for either; that a reader has one must not cost the job its result."""
    kept: list[JsonText] = []

    async def keep(_claim: Claim, _number: int, payload: JsonText) -> None:
        kept.append(payload)

    async with running(keep_notification=keep) as trial:
        process = await trial.process()
        process.notify(text)
        process.finish(text)
    assert trial.run.result() == Returned(JsonText(text))
    assert kept == [text]


@pytest.mark.parametrize("reason", StopReason)
async def test_for_every_reason_a_stop_ends_the_process(reason: StopReason) -> None:
    """There is one way to stop, whatever the reason."""
    async with running() as trial:
        await trial.process()
        trial.attempt.stop(reason)
    assert trial.run.result() == Stopped(reason, KILLED)
    assert trial.slots.ended == trial.slots.given


async def test_the_first_reason_counts() -> None:
    """Else a drain would put a job back into the queue that its user has aborted."""
    async with running() as trial:
        await trial.process()
        trial.attempt.stop(StopReason.ABORT)
        trial.attempt.stop(StopReason.DRAIN)
    assert trial.run.result() == Stopped(StopReason.ABORT, KILLED)


async def test_a_result_that_came_first_wins_over_a_stop() -> None:
    """The contract: a result that reached the node before the stop began wins."""
    async with running() as trial:
        process = await trial.process()
        process.finish("1")
        await asyncio.wait({trial.run})
        trial.attempt.stop(StopReason.ABORT)
    assert trial.run.result() == Returned(JsonText("1"))


async def test_once_the_stop_has_begun_no_result_counts() -> None:
    """The other half of the contract: whatever the handler still returns, the job ends aborted."""
    async with running(grace_s=LONG_S) as trial:
        process = await trial.process()
        trial.attempt.stop(StopReason.ABORT)
        await eventually(lambda: process.signals)
        process.finish("1")
    assert trial.run.result() == Stopped(
        StopReason.ABORT, Death(signal="SIGTERM", processes=1, survivors=0)
    )


async def test_a_handler_that_ends_in_its_grace_period_is_not_killed() -> None:
    """The receipt names the last signal that was needed."""
    async with running(slots=FakeSlots(heed_sigterm=True), grace_s=LONG_S) as trial:
        process = await trial.process()
        trial.attempt.stop(StopReason.ABORT)
    assert process.signals == [signal.SIGTERM]
    assert trial.run.result() == Stopped(
        StopReason.ABORT, Death(signal="SIGTERM", processes=1, survivors=0)
    )


async def test_a_handler_that_outlasts_its_grace_period_is_killed() -> None:
    """However long it would still run."""
    async with running(grace_s=0.01) as trial:
        process = await trial.process()
        trial.attempt.stop(StopReason.ABORT)
    assert process.signals == [signal.SIGTERM]
    assert trial.run.result() == Stopped(StopReason.ABORT, KILLED)


async def test_another_abort_may_shorten_the_grace_period() -> None:
    """A person may have waited long enough. It cannot be lengthened."""
    async with running(grace_s=LONG_S) as trial:
        process = await trial.process()
        trial.attempt.stop(StopReason.ABORT)
        await eventually(lambda: process.signals == [signal.SIGTERM])
        trial.attempt.stop(StopReason.ABORT, grace_s=2 * LONG_S)
        trial.attempt.stop(StopReason.ABORT, grace_s=0.01)
    assert trial.run.result() == Stopped(StopReason.ABORT, KILLED)


async def test_an_abort_replaces_a_time_limit_during_its_grace_period() -> None:
    """The answer said that the job is being stopped, so it ends aborted, and its clean-up runs."""
    async with running(grace_s=LONG_S, time_limit_s=0.01) as trial:
        process = await trial.process()
        await eventually(lambda: process.signals == [signal.SIGTERM])
        trial.attempt.stop(StopReason.ABORT, grace_s=0)
        trial.attempt.stop(StopReason.DRAIN)
    assert trial.run.result() == Stopped(StopReason.ABORT, KILLED)


async def test_the_grace_period_of_the_request_counts() -> None:
    """The user who aborts a job knows best how long its end may take."""
    async with running(grace_s=LONG_S) as trial:
        process = await trial.process()
        trial.attempt.stop(StopReason.ABORT, grace_s=0)
    assert not process.signals
    assert trial.run.result() == Stopped(StopReason.ABORT, KILLED)


async def test_stopped_before_it_gets_a_process_it_never_begins() -> None:
    """Its end does not wait for the process either, which may take long."""
    slots = FakeSlots()
    slots.open.clear()
    async with running(slots=slots) as trial:
        trial.attempt.stop(StopReason.ABORT)
    assert trial.run.result() == Stopped(StopReason.ABORT, NOTHING_RAN)


async def test_stopped_at_the_moment_it_gets_its_process_it_never_begins() -> None:
    """The process is intact, and runs the next job."""
    slots = FakeSlots()
    slots.open.clear()
    async with running(slots=slots) as trial:
        await asyncio.sleep(0)
        slots.open.set()
        trial.attempt.stop(StopReason.ABORT)
    assert trial.run.result() == Stopped(StopReason.ABORT, NOTHING_RAN)
    assert not slots.frames
    assert not slots.ended


async def test_if_the_store_does_not_answer_the_check_it_never_begins() -> None:
    """Its abort may be answered already. Given back, the job is then aborted, or begins anew."""

    async def look() -> None:
        raise StoreUnavailable("the store does not answer")

    slots = FakeSlots()
    slots.open.clear()
    async with running(slots=slots) as trial:
        trial.attempt.check_before_start(look)
        slots.open.set()
    assert trial.run.result() == Stopped(StopReason.DRAIN, NOTHING_RAN)
    assert not slots.frames
    assert not slots.ended


async def test_the_time_limit_begins_with_the_process() -> None:
    """The time that the node needs for the start does not count."""
    slots = FakeSlots()
    slots.open.clear()
    async with running(slots=slots, time_limit_s=0.01) as trial:
        await asyncio.sleep(0.05)
        assert not trial.run.done()
        slots.open.set()
    assert trial.run.result() == Stopped(StopReason.TIME_LIMIT, KILLED, 0.01)
    assert slots.frames


async def test_progress_is_kept_however_the_attempt_ends() -> None:
    """It shows how far an aborted job got."""
    async with running() as trial:
        (await trial.process()).report(3)
        trial.attempt.stop(StopReason.ABORT)
    assert trial.attempt.progress == Progress(done=3)


async def test_it_ends_once_all_its_notifications_are_stored() -> None:
    """The end is written next: a node that dies after that has lost no notification."""
    kept, store_is_back = list[tuple[int, JsonText]](), asyncio.Event()

    async def keep(_: Claim, number: int, payload: JsonText) -> None:
        await store_is_back.wait()
        kept.append((number, payload))

    async with running(keep_notification=keep) as trial:
        process = await trial.process()
        process.notify('"a"')
        process.notify('"b"')
        process.finish("1")
        assert not (await asyncio.wait({trial.run}, timeout=0.05))[0]
        store_is_back.set()
        assert await trial.run == Returned(JsonText("1"))
    assert kept == [(1, '"a"'), (2, '"b"')]


async def test_notifications_beyond_the_limit_are_dropped() -> None:
    """A loop must not fill the store."""
    kept = list[int]()

    async def keep(_: Claim, number: int, _payload: JsonText) -> None:
        kept.append(number)

    async with running(keep_notification=keep) as trial:
        process = await trial.process()
        for number in range(NOTIFICATIONS_MAX + 5):
            process.notify(str(number))
        process.finish()
    assert kept == list(range(1, NOTIFICATIONS_MAX + 1))


async def test_a_job_does_not_begin_in_a_process_with_old_handlers() -> None:
    """They were loaded anew while it was looked up whether its abort is requested."""
    slots = FakeSlots()
    slots.open.clear()
    async with running(slots=slots) as trial:
        looked = asyncio.Event()

        async def look() -> None:
            looked.set()
            slots.outdated = [*slots.given]

        trial.attempt.check_before_start(look)
        slots.open.set()
        await looked.wait()
    assert trial.run.result() == Stopped(StopReason.DRAIN, NOTHING_RAN)
    assert not slots.frames


@pytest.mark.parametrize("now", [{}, {"task1": HandlerOptions(name="task1", timeout_s=5)}])
async def test_a_job_does_not_begin_with_the_options_of_an_old_handler(
    now: dict[str, HandlerOptions],
) -> None:
    """They hold until it ends. The next claim is for the handler as it is by then, if it is."""
    slots = FakeSlots()
    slots.tasks = Tasks({**now, "another": HandlerOptions(name="another")}, loaded_at=AT)
    async with running(slots=slots) as trial:
        pass
    assert trial.run.result() == Stopped(StopReason.DRAIN, NOTHING_RAN)
    assert not slots.frames


async def test_a_throttle_is_closed_before_the_end_of_the_attempt() -> None:
    """Its limiter is found by the job, and only where its handler has a throttle."""
    for throttle in (None, Throttle(1, per_s=1, by="uid").rule):
        async with running(throttle=throttle) as trial:
            process = await trial.process()
            process.tell({"throttle": 30})
            process.tell({"throttle": "30"})
            process.finish("1")
            assert await trial.run == Returned(JsonText("1"))
        closed = [('["task1","throttle",["uid"],["u1"]]', 30.0)]
        assert trial.kept.closed == (closed if throttle else [])
