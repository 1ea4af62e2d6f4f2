"""What the client sends of when, and in which order, jobs run, and what it reads of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from atlanscheduler_client import (
    JobNotQueued,
    NewJob,
    Pause,
    PauseKind,
    Status,
    TaskLimit,
    TaskRetry,
    TaskThrottle,
    Waits,
    WaitsForPause,
    calls,
)
from atlanscheduler_client.json_text import loads
from atlanscheduler_client.reading import job_of, node_of, pause_of, task_of
from atlanscheduler_client.responses import Response, value_of
from scheduler.api.description.examples import BY_SCHEMA, JOB, PAUSE
from scheduler.api.description.operation_examples import HELD, PAUSED, QUEUED, TRIED_AGAIN
from scheduler.cli import rendering

EXAMPLE = BY_SCHEMA["Task"]
AT = datetime(2026, 11, 24, 6, tzinfo=UTC)


def sent(job: NewJob) -> dict[str, object]:
    body: dict[str, object] = loads(calls.submit(job, None).body or b"")
    return body


def test_a_plain_job_says_nothing_new() -> None:
    """A node of an earlier version would refuse a field that it does not know."""
    assert set(sent(NewJob(uid="ada", task="task1"))) == {"uid", "task", "data", "hook"}


def test_times_are_sent_as_the_api_takes_them() -> None:
    job = NewJob(
        uid="ada",
        task="task1",
        priority=-60,
        run_at=AT,
        start_within=timedelta(minutes=1),
    )

    body = sent(job)
    assert (body["priority"], body["run_at"]) == (-60, "2026-11-24T06:00:00+00:00")
    assert body["start_within_s"] == 60
    assert sent(NewJob(uid="ada", task="task1", delay=timedelta(minutes=10)))["delay_s"] == 600
    assert sent(NewJob(uid="ada", task="task1", delay=1.5))["delay_s"] == 1.5


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"priority": 0}, {"priority": 0}),
        ({"run_at": AT}, {"run_at": "2026-11-24T06:00:00+00:00"}),
        ({"at_once": True, "priority": 5}, {"priority": 5, "run_at": None}),
    ],
)
def test_a_change_has_only_what_is_to_change(
    change: dict[str, object], body: dict[str, object]
) -> None:
    given = {"priority": None, "run_at": None, "at_once": False, **change}
    call = calls.update("ada", "1", **given)  # type: ignore[arg-type]

    assert (call.method, call.path, loads(call.body or b"")) == ("PATCH", "/ada/1", body)


def test_a_job_says_what_it_waits_for() -> None:
    job = job_of(HELD)

    assert job.waits == Waits(reason="run_at", until=AT)
    assert (job.priority, job.run_at, job.start_within_s) == (60, AT, 3600)
    assert job.eligible_at is None


def test_a_job_of_an_earlier_node_waits_for_a_worker() -> None:
    new = {"priority", "run_at", "start_within_s", "eligible_at", "waits"}
    new |= {"max_attempts", "hook_retries", "attempts"}
    job = job_of({name: value for name, value in QUEUED.items() if name not in new})

    assert (job.status, job.priority, job.waits, job.run_at) == (Status.QUEUED, 0, None, None)


def test_attempts_are_sent_only_where_they_are_named() -> None:
    job = NewJob(uid="ada", task="task1", hook="http://h/", max_attempts=3, hook_retries=True)

    assert (sent(job)["max_attempts"], sent(job)["hook_retries"]) == (3, True)


def test_a_job_says_what_became_of_its_attempts() -> None:
    job = job_of(TRIED_AGAIN)

    assert job.waits is not None
    assert (job.waits.reason, job.max_attempts) == ("retry", 5)
    (attempt,) = job.attempts
    assert (attempt.number, attempt.node, attempt.outcome) == (1, "node-a", "terminated")
    assert attempt.started_at is not None
    assert attempt.error is not None
    assert attempt.error.summary == "ConnectionError: the service does not answer"


def test_a_handler_says_when_its_jobs_are_tried_again() -> None:
    """A key that a newer node adds is ignored."""
    task = task_of({**EXAMPLE, "retry": {**EXAMPLE["retry"], "deadline_s": 5}})
    of_earlier_node = task_of({name: each for name, each in EXAMPLE.items() if name != "retry"})

    assert task.retry == TaskRetry(**EXAMPLE["retry"])
    assert of_earlier_node.retry is None


def test_a_handler_says_how_many_of_its_jobs_run_at_once() -> None:
    """A node of an earlier version knows of no limits."""
    task = task_of({**EXAMPLE, "limit": [{**each, "name": "x"} for each in EXAMPLE["limit"]]})
    later = {"limit", "throttle"}
    of_earlier_node = task_of({name: each for name, each in EXAMPLE.items() if name not in later})

    assert task.limit == [TaskLimit(jobs_max=2, by=["uid", "/customer"])]
    assert task.throttle == TaskThrottle(jobs_max=100, per_s=60.0, burst=10, by=["task"])
    assert (list(of_earlier_node.limit), of_earlier_node.throttle) == ([], None)


def test_a_job_that_is_not_queued_is_an_error_with_the_job() -> None:
    body = b'{"type": "urn:atlanscheduler:problem:job-not-queued", "title": "t", "job": %s}'
    response = Response("http://n", 409, {}, body % orjson.dumps(JOB))

    with pytest.raises(JobNotQueued) as raised:
        value_of(calls.update("ada", "1", priority=1, run_at=None, at_once=False), response)

    assert raised.value.job.status is Status.ABORTED


def test_pauses_are_sent_and_read_as_the_api_has_them() -> None:
    call = calls.pause(PauseKind.TASK, "a/b ä", reason="repair", until=AT)
    body = {"reason": "repair", "until": "2026-11-24T06:00:00+00:00"}
    assert (call.method, call.path) == ("PUT", "/-/pauses/task/a%2Fb%20%C3%A4")
    assert loads(call.body or b"") == body
    ending = calls.resume("uid", "ada")
    assert (ending.method, ending.path) == ("DELETE", "/-/pauses/uid/ada")

    assert pause_of(PAUSE) == Pause(
        kind=PauseKind.TASK,
        name="report",
        reason="the archive is moved",
        until=AT,
        paused_at=datetime(2026, 11, 23, 14, 8, 50, 682000, tzinfo=UTC),
        by="ops",
    )


def test_a_paused_job_says_why_and_by_whom() -> None:
    waits = job_of(PAUSED).waits

    assert waits is not None
    assert (waits.reason, waits.until) == ("paused", AT)
    assert waits.pause == WaitsForPause(
        kind=PauseKind.TASK, name="report", reason="the archive is moved", by="ops"
    )
    assert rendering.waits(job_of(PAUSED)) == (
        "the end of a pause of task report by ops until 2026-11-24 06:00:00 UTC:"
        " the archive is moved"
    )


def test_a_node_says_since_when_it_is_paused() -> None:
    """And one of an earlier version knows no pauses."""
    document = BY_SCHEMA["Node"]
    assert node_of(document).paused is None
    assert node_of({**document, "paused": PAUSE}).paused == pause_of(PAUSE)
    del (older := dict(document))["paused"]
    assert node_of(older).paused is None
