"""Running many jobs again by one request."""

# ruff: noqa: ANN401 - what is sent over HTTP has any type

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import orjson
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.core.access.audit import AuditFilter
from scheduler.core.access.principal import Role
from scheduler.core.job import Failure, FailureKind, Status
from scheduler.core.quotas.quota import Quota, Quotas
from tests.unit.api.access.test_rights import a_town
from tests.unit.api.conftest import Api, Response, build
from tests.unit.api.reruns.test_one import failed, rerun

LOST = Failure(kind=FailureKind.LOST, message="gone")


async def rerun_all(api: Api, headers: dict[str, str] | None = None, **order: Any) -> Response:
    body = BytesIO(orjson.dumps({"limit": 100, **order}))
    headers = {"Content-Type": "application/json", **(headers or {})}
    return await api.ask("POST", "/-/reruns", data=body, headers=headers)


def olds(answer: Response) -> list[str]:
    """The ids of the jobs that were run again."""
    assert answer.status in {200, 202}, answer.text
    assert answer.json["count"] == len(answer.json["jobs"])
    return [each["rerun_of"] for each in answer.json["jobs"]]


def news(answer: Response) -> list[str]:
    return [each["id"] for each in answer.json["jobs"]]


async def test_all_that_failed_are_run_again_oldest_first(api: Api) -> None:
    first, theirs, last = await failed(api), await failed(api, "u2"), await failed(api)
    await api.submit()

    answer = await rerun_all(api)

    assert (answer.status, olds(answer)) == (202, [first, theirs, last])
    assert answer.json["more"] is False
    assert set(news(answer)) <= set(api.queue.server.ids)
    for uid, old, new in zip(("u1", "u2", "u1"), olds(answer), news(answer), strict=True):
        job = (await api.get(f"/{uid}/{new}")).json
        assert (job["status"], job["rerun_of"]) == ("queued", old)


async def test_the_same_again_runs_nothing_twice(api: Api) -> None:
    """Without a key, too: a button may be pressed twice."""
    await failed(api)
    await rerun_all(api)

    answer = await rerun_all(api)

    assert (answer.status, answer.json) == (202, {"count": 0, "jobs": [], "more": False})


async def test_two_at_once_run_each_job_once(api: Api) -> None:
    ids = [await failed(api) for _ in range(5)]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rerun_all(api, limit=3)) for _ in range(4)]

    found = sorted(old for task in tasks for old in olds(task.result()))
    assert found == ids


async def test_a_rerun_that_failed_again_is_found(api: Api) -> None:
    old = await failed(api)
    (new,) = news(await rerun_all(api))
    await api.end(await api.start(new), Status.TERMINATED, error=LOST)

    assert olds(await rerun_all(api)) == [new]
    assert olds(await rerun_all(api)) == []
    assert (await rerun(api, old)).status == 202


async def test_what_was_run_again_alone_is_left_out(api: Api) -> None:
    old = await failed(api)
    await rerun(api, old)

    assert olds(await rerun_all(api)) == []


async def test_the_same_key_gives_the_same_answer(api: Api) -> None:
    """Whatever failed in between, and however many match."""
    key = {"Idempotency-Key": "k"}
    await failed(api)
    await failed(api)
    first = await rerun_all(api, key, limit=1)
    await failed(api)

    again = await rerun_all(api, key, limit=1)

    assert (first.status, again.status) == (202, 200)
    assert again.json == first.json
    assert first.json["more"] is True


async def test_the_same_key_with_another_request_conflicts(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    await failed(api)
    await failed(api)
    await rerun_all(api, key, limit=1)

    answer = await rerun_all(api, key, limit=2)

    assert (answer.status, answer.json["type"]) == (
        409,
        "urn:atlanscheduler:problem:idempotency-conflict",
    )


async def test_the_same_key_for_another_user_is_another_request(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    mine, theirs = await failed(api), await failed(api, "u2")

    assert olds(await rerun_all(api, key, uid="u1")) == [mine]
    assert olds(await rerun_all(api, key, uid="u2")) == [theirs]


async def test_a_dry_run_stores_nothing(api: Api) -> None:
    ids = [await failed(api) for _ in range(3)]

    answer = await rerun_all(api, dry_run=True, limit=2)

    assert (answer.status, olds(answer), answer.json["more"]) == (200, ids[:2], True)
    assert news(answer) == [None, None]
    assert api.stored == 3
    assert olds(await rerun_all(api, dry_run=True, limit=10_000)) == ids


async def test_filters_select(api: Api) -> None:
    raised, theirs = await failed(api), await failed(api, "u2")
    lost = await api.submit()
    await api.end(await api.start(lost), Status.TERMINATED, error=LOST)
    aborted = await api.submit()
    await api.delete(f"/u1/{aborted}")
    after = api.clock.now().replace(year=2100).isoformat()

    async def found(**order: Any) -> list[str]:
        return olds(await rerun_all(api, dry_run=True, **order))

    assert await found(uid="u2") == [theirs]
    assert await found(task="task2") == []
    assert await found(task="task1") == [raised, theirs, lost]
    assert await found(error_kind="lost") == [lost]
    assert await found(error_kind=["lost", "timeout"]) == [lost]
    assert await found(error_kind=None) == [raised, theirs, lost]
    assert await found(status="aborted") == [aborted]
    assert await found(status=["aborted", "terminated"]) == [raised, theirs, lost, aborted]
    assert await found(since=after) == []
    assert await found(since="2000-01-01T00:00:00+01:00", uid=None) == [raised, theirs, lost]


async def test_jobs_without_a_handler_are_left_out(api: Api) -> None:
    """They would only end once more, all of them."""
    gone, there = await failed(api), await failed(api)
    api.store.rows[gone].change(task="gone")

    assert olds(await rerun_all(api)) == [there]


async def test_a_request_takes_no_more_than_a_node_can_hold(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But at least one: what one submission may have does not stop all others."""
    monkeypatch.setattr("scheduler.core.rerun.BYTES_MAX", 700)
    ids = [await failed(api, data="x" * size) for size in (90, 90, 500)]

    answers = [await rerun_all(api) for _ in range(2)]

    assert [olds(answer) for answer in answers] == [ids[:2], ids[2:]]
    assert [answer.json["more"] for answer in answers] == [True, False]


async def test_a_request_is_within_the_quotas_or_does_nothing(
    aiohttp_client: AiohttpClient,
) -> None:
    """All or none, as an array of submissions."""
    parts = build(quotas=Quotas([Quota(pattern="u2", queued_max=1)]))
    client = await aiohttp_client(parts.app)
    api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
    ids = [await failed(api, uid) for uid in ("u1", "u2", "u2")]

    answer = await rerun_all(api)
    assert (answer.status, answer.json["violations"][0]["uid"]) == (429, "u2")
    assert api.stored == 3
    assert olds(await rerun_all(api, limit=2)) == ids[:2]


async def test_one_record_of_the_audit_log_counts_them(aiohttp_client: AiohttpClient) -> None:
    async with a_town(aiohttp_client) as town:
        token = {"Authorization": f"Bearer {await town.token(Role.OPERATOR, '*', name='ops')}"}
        api, audit = town.api, town.api.store.audit
        for job_id in town.jobs.values():
            await api.end(await api.start(job_id), Status.TERMINATED, error=LOST)
        before = len(await audit.page(AuditFilter(), limit=100))

        answer = await rerun_all(api, token, error_kind="lost")
        assert olds(await rerun_all(api, token)) == []
        assert olds(await rerun_all(api, token, dry_run=True)) == []
        await rerun(api, town.jobs["ada"], uid="ada", **token)

        one, many = (await audit.page(AuditFilter(), limit=100))[:-before]
        assert (one.action, one.uid, one.target) == ("rerun", "ada", town.jobs["ada"])
        assert (many.action, many.uid, many.target, many.count) == ("rerun_all", None, None, 2)
        assert many.detail == {"status": ["terminated"], "error_kind": ["lost"]}
        job = (await api.get(f"/ada/{news(answer)[0]}", headers=token)).json
        assert job["submitted_by"] == "ops"


@pytest.mark.parametrize(
    ("order", "pointer", "why"),
    [
        ({"limit": None}, "/limit", "got null; allowed: how many at most, 1 to 1000"),
        ({"limit": 0}, "/limit", "got 0; allowed: how many at most"),
        ({"limit": 1001}, "/limit", "got 1001: it is no dry run; allowed: how many at most"),
        ({"limit": 10_001, "dry_run": True}, "/limit", "or to 10000 in a dry run"),
        ({"limit": "9"}, "/limit", 'got "9"'),
        ({"dry_run": "yes"}, "/dry_run", "allowed: true or false"),
        ({"status": "running"}, "/status", "one or an array of aborted, successful, terminated"),
        ({"status": []}, "/status", "got an array"),
        ({"status": None}, "/status", "got null"),
        ({"status": [["aborted"]]}, "/status", "got an array"),
        ({"error_kind": "bad"}, "/error_kind", 'got "bad"; allowed: one or an array of'),
        ({"error_kind": []}, "/error_kind", "got an array"),
        ({"status": "aborted", "error_kind": "lost"}, "/error_kind", "only terminated jobs have"),
        ({"since": "2026-12-24T18:00:00"}, "/since", "a time with its offset"),
        ({"since": 7}, "/since", "a time with its offset"),
        ({"since": "yesterday"}, "/since", "a time with its offset"),
        ({"since": "0001-01-01T00:00:00+05:00"}, "/since", "a time with its offset"),
        ({"uid": "a/b"}, "/uid", "without '/'"),
        ({"task": ""}, "/task", "the name of a handler"),
        ({"task": "task"}, "/task", "there is no handler \"task\"; did you mean 'task2'?"),
        ({"tasks": "task1"}, "/tasks", "unknown field; did you mean 'task'?"),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, order: dict[str, Any], pointer: str, why: str
) -> None:
    flaws = (await rerun_all(api, **order)).flaws

    assert list(flaws) == [pointer]
    assert why in flaws[pointer]


async def test_a_body_must_be_an_object(api: Api) -> None:
    answer = await api.ask("POST", "/-/reruns", json=[1])

    assert answer.flaws == {"": "got an array; allowed: a JSON object with limit"}
    assert (await api.ask("POST", "/-/reruns")).status == 415
