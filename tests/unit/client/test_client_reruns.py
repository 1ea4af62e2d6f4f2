"""What the client sends to run jobs again, and what it reads of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from atlanscheduler_client import KEPT, FailureKind, JobNotOver, RerunOf, Reruns, Status, calls
from atlanscheduler_client.json_text import loads
from atlanscheduler_client.reading import job_of, reruns_of
from atlanscheduler_client.responses import Response, value_of
from scheduler.api.description.examples import BY_SCHEMA, JOB, RERUN_ID
from scheduler.api.description.operation_examples import ID, QUEUED, RERUN
from scheduler.api.requests.reruns import RerunOrder

AT = datetime(2026, 11, 24, 6, tzinfo=UTC)
AS_IT_WAS: dict[str, Any] = {
    "data": KEPT,
    "hook": KEPT,
    "priority": KEPT,
    "run_at": None,
    "delay": None,
    "start_within": KEPT,
    "max_attempts": KEPT,
    "key": None,
}
ALL: dict[str, Any] = {
    "uid": None,
    "task": None,
    "statuses": (),
    "error_kinds": (),
    "since": None,
    "limit": 9,
    "dry_run": False,
    "key": None,
}


def sent(**given: object) -> dict[str, Any]:
    call = calls.rerun("ada", "1", **AS_IT_WAS | given)
    assert (call.method, call.path) == ("POST", "/ada/1/rerun")
    body: dict[str, Any] = loads(call.body or b"")
    return body


def sent_for_all(**given: object) -> dict[str, Any]:
    call = calls.rerun_all(**ALL | given)
    assert (call.method, call.path) == ("POST", "/-/reruns")
    body: dict[str, Any] = loads(call.body or b"")
    return body


def test_what_is_not_given_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken over; null would be something else."""
    monkeypatch.delenv("ATLANSCHEDULER_JOB", raising=False)
    assert sent() == {}
    assert sent(data=None, hook=None, priority=0, start_within=None, max_attempts=None) == {
        "data": None,
        "hook": None,
        "priority": 0,
        "start_within_s": None,
        "max_attempts": None,
    }


def test_all_can_be_sent_that_the_api_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLANSCHEDULER_JOB", "019ab000-0000-7000-8000-000000000001")
    asked = {"hook": "http://h/", "hook_retries": True, "needs": ["gpu"], "group": "nightly"}
    times = {"run_at": AT, "delay": 5, "start_within": 60}

    body = sent(data=1, priority=5, max_attempts=2, unique="k", **asked, **times)

    assert body.keys() == RerunOrder.model_fields.keys()
    assert {name: body[name] for name in asked} == asked
    assert sent(group=None, hook_retries=False)["group"] is None


def test_times_are_sent_as_the_api_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLANSCHEDULER_JOB", raising=False)
    assert sent(run_at=AT, start_within=timedelta(minutes=1)) == {
        "run_at": "2026-11-24T06:00:00+00:00",
        "start_within_s": 60,
    }
    assert sent(delay=timedelta(minutes=10)) == {"delay_s": 600}


def test_in_a_handler_the_job_that_runs_is_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of what it submits: an abort with children takes it along."""
    monkeypatch.setenv("ATLANSCHEDULER_JOB", "019ab000-0000-7000-8000-000000000001")
    assert sent() == {"parent": "019ab000-0000-7000-8000-000000000001"}


def test_each_call_has_a_key_so_that_it_can_be_repeated() -> None:
    first, second = calls.rerun_all(**ALL), calls.rerun_all(**ALL)
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert calls.rerun("ada", "1", **AS_IT_WAS | {"key": "k"}).headers["Idempotency-Key"] == "k"


def test_a_filter_has_only_what_selects() -> None:
    assert sent_for_all() == {"limit": 9}
    assert sent_for_all(
        uid="ada",
        task="task1",
        statuses="terminated,aborted",
        error_kinds=[FailureKind.LOST],
        since=AT,
        dry_run=True,
    ) == {
        "uid": "ada",
        "task": "task1",
        "status": ["terminated", "aborted"],
        "error_kind": ["lost"],
        "since": "2026-11-24T06:00:00+00:00",
        "dry_run": True,
        "limit": 9,
    }


def test_a_rerun_says_what_it_runs_again() -> None:
    assert job_of(RERUN).rerun_of == JOB["id"]
    old = {name: value for name, value in QUEUED.items() if name != "rerun_of"}
    assert job_of(old).rerun_of is None, "a node of an earlier version"


def test_many_are_read() -> None:
    document = BY_SCHEMA["Reruns"]

    assert reruns_of(document) == Reruns(
        jobs=[RerunOf(rerun_of=ID, uid="ada", id=RERUN_ID)], more=False
    )


def test_a_job_that_is_not_over_is_an_error_with_the_job() -> None:
    body = b'{"type": "urn:atlanscheduler:problem:job-not-over", "title": "t", "job": %s}'
    response = Response("http://n", 409, {}, body % orjson.dumps({**JOB, "status": "running"}))

    with pytest.raises(JobNotOver) as raised:
        value_of(calls.rerun("ada", "1", **AS_IT_WAS), response)

    assert raised.value.job.status is Status.RUNNING
