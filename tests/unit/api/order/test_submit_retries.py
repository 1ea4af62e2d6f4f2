"""How often a job may be tried: what the API takes, and what it answers."""

from __future__ import annotations

import pytest

from scheduler.core.job import Again, AttemptOutcome, Failure, FailureKind, Settlement, Status
from tests.fakes import AT
from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}
ERROR = Failure(kind=FailureKind.EXCEPTION, type="OSError", message="x" * 5000, traceback="T")


async def test_a_job_that_says_nothing_has_the_attempts_of_its_handler(api: Api) -> None:
    job = (await api.post(JOB)).json

    assert (job["max_attempts"], job["hook_retries"], job["attempts"]) == (None, False, [])


async def test_a_job_says_how_often_it_may_be_tried(api: Api) -> None:
    hook = "https://example.org/"
    answer = await api.post({**JOB, "max_attempts": 3.0, "hook": hook, "hook_retries": True})

    job = answer.json
    assert (answer.status, job["max_attempts"], job["hook_retries"]) == (202, 3, True)
    assert job == (await api.get(answer.headers["Location"])).json


@pytest.mark.parametrize("wrong", [0, -1, 1001, 1.5, "5", True])
async def test_a_wrong_number_of_attempts_is_refused(api: Api, wrong: object) -> None:
    """It says what is allowed: 0 might be meant as no retry, which is 1."""
    answer = await api.post({**JOB, "max_attempts": wrong})

    (error,) = answer.json["errors"]
    assert (answer.status, api.stored, error["pointer"]) == (400, 0, "/max_attempts")
    assert "the first included" in error["detail"]
    assert "from 1 to 1000" in error["detail"]


async def test_a_call_for_retries_needs_a_hook(api: Api) -> None:
    """Else its user would wait for calls that never come."""
    answer = await api.post({**JOB, "hook_retries": True})

    (error,) = answer.json["errors"]
    assert (answer.status, error["pointer"]) == (400, "/hook_retries")
    assert "there is no hook to call" in error["detail"]


async def test_a_key_means_the_same_with_the_same_attempts_only(api: Api) -> None:
    """And what says nothing of them has the digest of earlier versions."""
    key = {"Idempotency-Key": "k"}
    first = await api.post({**JOB, "priority": 5}, **key)

    again = await api.post({**JOB, "priority": 5, "max_attempts": None}, **key)
    other = await api.post({**JOB, "priority": 5, "max_attempts": 2}, **key)
    assert (again.status, again.json, other.status) == (200, first.json, 409)


async def test_a_job_that_waits_for_its_next_attempt_says_so(api: Api) -> None:
    """With the attempt that failed, in short: its log has the rest."""
    job_id = await api.submit("u1")
    claim = await api.start(job_id)
    again = Again(outcome=AttemptOutcome.TERMINATED, error=ERROR, after_s=3600)
    await api.store.settle(
        [Settlement(id=claim.id, token=claim.token, status=Status.QUEUED, at=AT, again=again)]
    )

    job = (await api.get(f"/u1/{job_id}")).json

    assert (job["status"], job["attempt"], job["waits"]["for"]) == ("queued", 1, "retry")
    assert job["waits"]["until"] is not None
    (attempt,) = job["attempts"]
    assert (attempt["number"], attempt["node"], attempt["outcome"]) == (1, "node-a", "terminated")
    error = {"kind": "exception", "type": "OSError", "message": "x" * 1000, "traceback": None}
    assert attempt["error"] == error


async def test_an_abort_while_it_waits_is_done_at_once(api: Api) -> None:
    job_id = await api.submit("u1")
    claim = await api.start(job_id)
    again = Again(outcome=AttemptOutcome.TERMINATED, error=ERROR, after_s=3600)
    await api.store.settle(
        [Settlement(id=claim.id, token=claim.token, status=Status.QUEUED, at=AT, again=again)]
    )

    answer = await api.delete(f"/u1/{job_id}")

    assert (answer.status, answer.json["status"], answer.json["waits"]) == (200, "aborted", None)
    assert answer.json["abort"]["processes"] == 0
    assert len(answer.json["attempts"]) == 1
