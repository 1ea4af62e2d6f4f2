"""The body of a call about the end of a job: which keys are sent, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from scheduler.core.job import Again, AttemptOutcome, Failure, FailureKind, Job, Order, Status
from scheduler.core.webhook import CallStatus, Event, HookCall
from scheduler.service.documents import job_document
from scheduler.webhooks import message
from tests.fakes import MemoryStore
from tests.support.stores import AT, abort, claimed, end, known, new

SENT = [
    *("id", "uid", "status", "task", "parent", "error", "attempt", "node"),
    *("created_at", "started_at", "finished_at", "abort"),
]
LEFT_OUT = {
    *("data", "hook", "result", "progress", "submitted_by"),
    *("priority", "run_at", "start_within_s", "eligible_at", "waits"),
    *("rerun_of", "max_attempts", "hook_retries", "attempts", "schedule", "scheduled_for"),
    *("needs", "after", "after_if", "successors", "group"),
    *("unique", "replaces", "replaced_by"),
}


async def terminated() -> Job:
    store = MemoryStore()
    (job,) = (await store.insert([new(hook="https://example.com/")])).jobs
    error = Failure(
        kind=FailureKind.EXCEPTION, type="ValueError", message="x" * 5000, traceback="secret"
    )
    claim = await claimed(store, job.id)
    await store.settle([end(claim, Status.TERMINATED, error=error)])
    return await known(store, job.id)


def ending_of(job: Job) -> HookCall:
    return HookCall(
        id=job.id,
        job_id=job.id,
        event=Event.ENDED,
        payload=None,
        status=CallStatus.DUE,
        tries=1,
        created_at=AT,
        due_at=AT,
        answer=None,
    )


async def test_exactly_these_keys_of_a_job_are_sent_in_this_order() -> None:
    """Receivers parse this JSON, and some compare it as text."""
    job = await terminated()

    assert list(orjson.loads(message.body(ending_of(job), job))) == SENT
    assert set(job_document(job)) == {*SENT, *LEFT_OUT}, "is the new key to be sent?"


async def test_of_a_schedules_job_it_is_sent_which_time_of_which_schedule_it_is() -> None:
    """A receiver of a nightly report has to know of which night it is."""
    job = replace(await terminated(), schedule="nightly", scheduled_for=AT)

    told = orjson.loads(message.body(ending_of(job), job))

    assert list(told) == [*SENT, "schedule", "scheduled_for"]
    assert (told["schedule"], told["scheduled_for"]) == (
        "nightly",
        job_document(job)["scheduled_for"],
    )


async def test_a_call_about_an_attempt_says_what_failed_and_when_the_next_one_comes() -> None:
    """As the job was then: by the time of the call it may have ended."""
    store, error = MemoryStore(), Failure(kind=FailureKind.CRASH, message="x" * 5000)
    order = Order(hook_retries=True)
    (job,) = (await store.insert([new(hook="https://example.com/", order=order)])).jobs
    claim = await claimed(store, job.id)
    again = Again(outcome=AttemptOutcome.TERMINATED, error=error, after_s=3600)
    await store.settle([replace(end(claim, Status.QUEUED), again=again)])
    (call,) = await store.calls(job.id, limit=10)
    held = await known(store, job.id)
    await abort(store, job.id)

    told = orjson.loads(message.body(call, await known(store, job.id)))

    assert list(told) == [*SENT, "waits"]
    assert (told["id"], told["status"], told["attempt"]) == (job.id, "queued", 1)
    assert told["error"] == {"kind": "crash", "message": "x" * message.ERROR_CHARS_MAX}
    assert told["waits"] == job_document(held)["waits"]
    assert (told["abort"], told["finished_at"], told["node"]) == (None, None, "node-a")


async def test_a_key_that_is_added_to_a_jobs_document_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be private, and receivers are outside of the installation."""
    job = await terminated()
    before = message.body(ending_of(job), job)

    def extended(job: Job) -> dict[str, Any]:
        return {"added_first": 1, **job_document(job), "added_last": 2}

    monkeypatch.setattr(message, "job_document", extended)

    assert message.body(ending_of(job), job) == before


async def test_of_an_error_its_kind_and_the_beginning_of_its_message_are_sent() -> None:
    job = await terminated()

    sent = orjson.loads(message.body(ending_of(job), job))
    assert sent["error"] == {"kind": "exception", "message": "x" * 1000}
