"""Changing when, and in which order, a queued job runs."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson
import pytest

from scheduler.core.change import changed
from tests.unit.api.conftest import Api, Response
from tests.unit.api.order.test_submit_order import JOB, in_s

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"


async def changing(api: Api, job_id: str, change: object, *, uid: str = "u1") -> Response:
    headers, body = {"Content-Type": "application/json"}, BytesIO(orjson.dumps(change))
    return await api.ask("PATCH", f"/{uid}/{job_id}", data=body, headers=headers)


async def held(api: Api) -> Any:  # noqa: ANN401 - JSON
    return (await api.post({**JOB, "delay_s": 600})).json


async def test_a_priority_can_be_changed(api: Api) -> None:
    job_id = await api.submit()

    answer = await changing(api, job_id, {"priority": 60})

    assert (answer.status, answer.json["priority"]) == (200, 60)
    assert answer.json == (await api.get(f"/u1/{job_id}")).json


async def test_a_held_job_can_be_let_go(api: Api) -> None:
    job = await held(api)

    answer = await changing(api, job["id"], {"run_at": None})

    assert (answer.status, answer.json["waits"], answer.json["run_at"]) == (200, None, None)
    assert list(api.queue.server.ids) == [job["id"]]


async def test_a_queued_job_can_be_held(api: Api) -> None:
    job_id = await api.submit()
    until = in_s(600)

    answer = await changing(api, job_id, {"run_at": until})

    assert answer.json["waits"]["for"] == "run_at"
    assert "Notice" not in answer.headers


async def test_the_answer_says_that_a_time_is_past(api: Api) -> None:
    job = await held(api)

    answer = await changing(api, job["id"], {"run_at": "2020-01-01T00:00:00Z"})

    assert answer.headers["Notice"] == "run_at is past: it runs at once"
    assert answer.json["waits"] is None


async def test_followers_are_told_of_a_change(api: Api) -> None:
    job_id = await api.submit()
    before = len(api.queue.server.changes)

    await changing(api, job_id, {"priority": 60})
    await changing(api, job_id, {"priority": 60})

    assert [each for _, each in api.queue.server.changes[before:]] == [changed(job_id, "u1")]


async def test_the_same_change_again_has_the_same_answer(api: Api) -> None:
    job = await held(api)
    change = {"priority": 5, "run_at": in_s(900)}

    first = await changing(api, job["id"], change)
    again = await changing(api, job["id"], change)

    assert (again.status, again.json) == (200, first.json)


async def test_a_job_that_runs_is_not_changed(api: Api) -> None:
    job_id = await api.submit()
    await api.start(job_id)

    answer = await changing(api, job_id, {"priority": 60})

    assert answer.status == 409
    assert answer.json["type"] == "urn:atlanscheduler:problem:job-not-queued"
    assert answer.json["detail"] == "the job is running: only a queued job can be changed"
    assert answer.json["job"] == (await api.get(f"/u1/{job_id}")).json


async def test_a_job_that_has_ended_is_not_changed(api: Api) -> None:
    job_id = await api.submit()
    await api.delete(f"/u1/{job_id}")

    answer = await changing(api, job_id, {"run_at": in_s(60)})

    assert (answer.status, answer.json["job"]["status"]) == (409, "aborted")


async def test_another_users_job_is_not_there(api: Api) -> None:
    theirs = await api.submit("u2")

    assert (await changing(api, theirs, {"priority": 1})).status == 404
    assert (await changing(api, NOBODYS, {"priority": 1})).status == 404
    assert (await changing(api, "7", {"priority": 1})).status == 404


@pytest.mark.parametrize("nothing", [{}, [], "priority", None])
async def test_a_change_of_nothing_is_refused(api: Api, nothing: object) -> None:
    job_id = await api.submit()

    answer = await changing(api, job_id, nothing)

    assert answer.status == 400
    assert "allowed: a JSON object with priority, run_at or both" in answer.json["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"priority": 86_401}, "/priority"),
        ({"priority": None}, "/priority"),
        ({"run_at": "2026-12-24T18:00:00"}, "/run_at"),
        ({"delay_s": 7}, "/delay_s"),
        ({"data": 1}, "/data"),
    ],
)
async def test_a_wrong_change_is_refused(api: Api, change: dict[str, object], pointer: str) -> None:
    job_id = await api.submit()

    answer = await changing(api, job_id, change)

    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)
