"""Running one job again."""

# ruff: noqa: ANN401 - what is sent over HTTP has any type

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.requests.models import NewJob
from scheduler.api.requests.reruns import RerunOrder
from scheduler.core.job import Death, Failure, FailureKind, Status
from scheduler.core.quotas.quota import Quota, Quotas
from tests.unit.api.conftest import DATA_BYTES_MAX, Api, Response, build
from tests.unit.api.order.test_submit_order import in_s

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"
FAILURE = Failure(kind=FailureKind.EXCEPTION, message="no", type="ValueError", traceback="…")
KILLED = Death(signal="SIGKILL", processes=1, survivors=0)


async def rerun(
    api: Api, job_id: str, body: Any = None, *, uid: str = "u1", **headers: str
) -> Response:
    """Run a job again; without a body, none is sent."""
    path = f"/{uid}/{job_id}/rerun"
    if body is None:
        return await api.ask("POST", path, headers=headers)
    data = BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
    headers = {"Content-Type": "application/json", **headers}
    return await api.ask("POST", path, data=data, headers=headers)


async def failed(api: Api, uid: str = "u1", **fields: Any) -> str:
    """Have a job that ended without success; its id."""
    job_id = await api.submit(uid, **fields)
    await api.end(await api.start(job_id), Status.TERMINATED, error=FAILURE)
    return job_id


async def test_a_job_that_is_over_is_run_again(api: Api) -> None:
    """As a new job: what became of the first one stays."""
    old = await failed(api, data={"n": 7})
    before = (await api.get(f"/u1/{old}")).json

    answer = await rerun(api, old)

    job = answer.json
    assert (answer.status, answer.headers["Location"]) == (202, f"/u1/{job['id']}")
    assert (job["status"], job["rerun_of"], job["attempt"]) == ("queued", old, 0)
    assert (await api.get(f"/u1/{old}")).json == before
    assert list(api.queue.server.ids)[-1] == job["id"]


async def test_what_was_submitted_is_taken_over(api: Api) -> None:
    """But for what says why and when the first one was submitted."""
    asked: dict[str, Any] = {
        "data": {"n": [7]},
        "hook": "https://example.org/hook",
        "priority": 60,
        "start_within_s": 30,
        "max_attempts": 3,
        "hook_retries": True,
        "needs": [],
        "group": "nightly",
    }
    left_out = {"parent", "run_at", "delay_s", "unique"}
    assert asked.keys() == RerunOrder.model_fields.keys() - left_out
    old = await failed(api, **asked, run_at="2020-01-01T00:00:00Z", parent=NOBODYS)

    job = (await rerun(api, old)).json

    assert {name: job[name] for name in asked} == asked
    assert (job["run_at"], job["parent"]) == (None, None)
    without_hook = (await rerun(api, old, {"hook": None})).json
    assert (without_hook["max_attempts"], without_hook["hook_retries"]) == (3, False)


def test_a_rerun_takes_all_that_a_submission_does() -> None:
    """But for whose it is, and what for: that would be another job; and it waits for none."""
    left_out = {"uid", "task", "ref", "after", "after_if"}
    assert RerunOrder.model_fields.keys() == NewJob.model_fields.keys() - left_out


async def test_what_is_given_is_instead(api: Api) -> None:
    old = await failed(
        api, data=1, hook="https://example.org", priority=60, start_within_s=30, hook_retries=True
    )
    asked = {
        "data": None,
        "hook": None,
        "priority": 0,
        "start_within_s": None,
        "max_attempts": 2,
        "hook_retries": False,
        "parent": NOBODYS,
    }

    job = (await rerun(api, old, asked)).json

    assert {name: job[name] for name in asked} == asked


async def test_the_hook_of_the_job_can_be_called_for_attempts_from_now_on(api: Api) -> None:
    """It is taken over, so it need not be named again."""
    old = await failed(api, hook="https://example.org/hook")

    answer = await rerun(api, old, {"hook_retries": True})

    assert answer.status == 202, answer.text
    assert (answer.json["hook"], answer.json["hook_retries"]) == ("https://example.org/hook", True)


@pytest.mark.parametrize("hook", [None, "https://example.org/hook"])
async def test_where_there_is_no_hook_none_is_called_for_attempts(
    api: Api, hook: str | None
) -> None:
    old = await failed(api, hook=hook)

    answer = await rerun(api, old, {"hook_retries": True} | ({"hook": None} if hook else {}))

    assert "there is no hook to call" in answer.flaws["/hook_retries"]
    assert api.stored == 1


async def test_a_rerun_can_wait_for_a_time(api: Api) -> None:
    old = await failed(api)

    job = (await rerun(api, old, {"run_at": in_s(600)})).json
    assert job["waits"]["for"] == "run_at"
    job = (await rerun(api, old, {"delay_s": 600})).json
    assert job["waits"]["for"] == "run_at"
    answer = await rerun(api, old, {"run_at": "2020-01-01T00:00:00Z"})
    assert answer.headers["Notice"] == "run_at is past: it runs at once"


async def test_a_rerun_can_be_run_again(api: Api) -> None:
    old = await failed(api)
    again = (await rerun(api, old)).json["id"]
    await api.end(await api.start(again))

    third = (await rerun(api, again)).json
    other = (await rerun(api, old)).json

    assert (third["rerun_of"], other["rerun_of"]) == (again, old)


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_job_that_is_not_over_is_not_run_again(api: Api, status: str) -> None:
    job_id = await api.submit()
    if status == "running":
        await api.start(job_id)

    answer = await rerun(api, job_id)

    assert (answer.status, answer.json["type"]) == (409, "urn:atlanscheduler:problem:job-not-over")
    assert answer.json["detail"] == f"the job is {status}: only a job that is over can be run again"
    assert answer.json["job"] == (await api.get(f"/u1/{job_id}")).json
    assert api.stored == 1


async def test_an_aborted_job_is_not_run_again_while_it_is_undone(api: Api) -> None:
    """The two would work on the same things."""
    job_id = await api.submit(task="task2")
    claim = await api.start(job_id)
    await api.delete(f"/u1/{job_id}")
    await api.end(claim, Status.ABORTED, death=KILLED)

    answer = await rerun(api, job_id)

    assert (answer.status, answer.json["job"]["abort"]["cleanup"]) == (409, "pending")


async def test_the_same_key_gives_the_same_rerun(api: Api) -> None:
    old = await failed(api)
    key = {"Idempotency-Key": "k"}

    first = await rerun(api, old, {"data": 1}, **key)
    again = await rerun(api, old, {"data": 1}, **key)
    other = await rerun(api, old, {"data": 2}, **key)

    assert (first.status, again.status, again.json) == (202, 200, first.json)
    assert (other.status, other.json["type"]) == (
        409,
        "urn:atlanscheduler:problem:idempotency-conflict",
    )
    assert (await rerun(api, old, **{"Idempotency-Key": "other"})).status == 202


async def test_one_key_is_not_for_two_jobs(api: Api) -> None:
    first, second = await failed(api), await failed(api)
    await rerun(api, first, **{"Idempotency-Key": "k"})

    assert (await rerun(api, second, **{"Idempotency-Key": "k"})).status == 409


async def test_another_users_job_is_not_there(api: Api) -> None:
    theirs = await failed(api, "u2")

    for job_id in (theirs, NOBODYS, "7"):
        answer = await rerun(api, job_id)
        assert (answer.status, answer.json["type"]) == (
            404,
            "urn:atlanscheduler:problem:no-such-job",
        )


async def test_a_job_that_was_deleted_is_not_there(api: Api) -> None:
    """As everywhere: nothing of it is known, its data neither."""
    old = await failed(api)
    await api.store.delete_finished(before=api.clock.now().replace(year=2100), limit=10)

    assert (await rerun(api, old)).status == 404


async def test_a_job_without_a_handler_is_not_run_again(api: Api) -> None:
    """It would only end once more."""
    old = await failed(api)
    api.store.rows[old].change(task="gone")

    answer = await rerun(api, old)

    assert answer.flaws["/task"].startswith("there is no handler 'gone': this node loaded its")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ("again", ""),
        ({"uid": "u2"}, "/uid"),
        ({"task": "task2"}, "/task"),
        ({"priority": None}, "/priority"),
        ({"priority": 86_401}, "/priority"),
        ({"run_at": "2026-12-24T18:00:00"}, "/run_at"),
        ({"run_at": "2026-12-24T18:00:00Z", "delay_s": 1}, "/delay_s"),
        ({"delay_s": -1}, "/delay_s"),
        ({"start_within_s": 0}, "/start_within_s"),
        ({"hook": "example.org"}, "/hook"),
        ({"parent": "7"}, "/parent"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: object, pointer: str) -> None:
    old = await failed(api)

    assert list((await rerun(api, old, body)).flaws) == [pointer]
    assert api.stored == 1


async def test_data_that_are_too_large_are_refused(api: Api) -> None:
    """As those of a submission, by the same limit."""
    old = await failed(api)

    assert (await rerun(api, old, {"data": "x" * DATA_BYTES_MAX})).status == 413
    assert (await rerun(api, old, {"data": "x" * (DATA_BYTES_MAX - 2)})).status == 202


async def test_a_body_must_be_json_and_declared_so(api: Api) -> None:
    old = await failed(api)

    assert (await rerun(api, old, b"{")).status == 400
    assert (await rerun(api, old, {}, **{"Content-Type": "text/plain"})).status == 415
    assert (await rerun(api, old, b"", **{"Content-Type": "text/plain"})).status in {202, 415}


async def test_a_rerun_counts_for_the_quota(aiohttp_client: AiohttpClient) -> None:
    """It is a job like any other, and fills the queue like one."""
    parts = build(quotas=Quotas([Quota(pattern="*", queued_max=1)]))
    client = await aiohttp_client(parts.app)
    api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
    old = await failed(api)

    first = await rerun(api, old, **{"Idempotency-Key": "k"})
    second = await rerun(api, old)
    again = await rerun(api, old, **{"Idempotency-Key": "k"})

    assert (first.status, second.status, again.status) == (202, 429, 200)
    assert second.json["violated-policies"] == ["queued"]
