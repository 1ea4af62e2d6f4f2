"""Submissions beyond a quota, and what a user uses of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.state import QUOTAS as QUOTA_SERVICE
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.job import JobRequest, JsonText
from scheduler.core.ports.store import Inserted
from scheduler.core.quotas.quota import Quota, Quotas
from tests.unit.api.conftest import Api, Parts, build

QUOTAS = Quotas(
    [
        Quota(pattern="*", queued_max=2),
        Quota(pattern="fast", submits_per_s=2),
        Quota(pattern="both", queued_max=9, submits_per_s=2),
        Quota(pattern="free"),
        Quota(pattern="two", running_max=2, weight=0.5),
        Quota(pattern="eve", schedules_max=1),
    ]
)
EXCEEDED = "urn:atlanscheduler:problem:quota-exceeded"


@pytest.fixture(name="parts")
def parts_fixture() -> Parts:
    return build(quotas=QUOTAS)


@pytest.fixture(name="api")
async def api_fixture(parts: Parts, aiohttp_client: AiohttpClient) -> AsyncIterator[Api]:
    async with background(looks=parts.looks.run()):
        client = await aiohttp_client(parts.app)
        yield Api(client, parts.store, parts.queue, parts.clock, parts.draining)


def job(uid: str) -> dict[str, Any]:
    return {"uid": uid, "task": "task1"}


async def test_a_job_too_many_is_refused_with_user_limit_and_use(api: Api, parts: Parts) -> None:
    """Whoever reads it knows what to wait for, and whom to ask for more."""
    await api.submit("ada")
    await api.submit("ada")
    answer = await api.post(job("ada"))
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["RateLimit-Policy"] == '"queued";q=2'
    assert answer.headers["RateLimit"] == '"queued";r=0'
    assert answer.json == {
        "type": EXCEEDED,
        "title": "The request is beyond a quota",
        "status": 429,
        "detail": (
            "user 'ada' has 2 queued jobs, and 1 more would be beyond"
            ' queued_max = 2 of [quotas."*"]'
        ),
        "violated-policies": ["queued"],
        "violations": [{"policy": "queued", "uid": "ada", "limit": 2, "used": 2}],
    }
    assert api.stored == 2
    assert parts.job_events.count("submissions_refused_total", policy="queued") == 1
    await api.submit("bob")


async def test_an_array_is_refused_whole(api: Api) -> None:
    """All or none; one that never fits is not told to come again."""
    await api.submit("ada")
    answer = await api.post([job("bob"), job("ada"), job("ada")])
    assert (answer.status, answer.json["violations"][0]["uid"]) == (429, "ada")
    answer = await api.post([job("ada")] * 3)
    assert answer.status == 429
    assert "Retry-After" not in answer.headers
    assert api.stored == 1


async def test_each_answer_says_what_is_left(api: Api) -> None:
    """A client can slow down before it is refused."""
    answer = await api.post(job("both"))
    assert answer.headers["RateLimit-Policy"] == '"submit";q=2;w=1, "queued";q=9'
    assert answer.headers["RateLimit"] == '"submit";r=1;t=1, "queued";r=8'
    answer = await api.post([job("ada"), job("ada")])
    assert answer.headers["RateLimit"] == '"queued";r=0'
    for body in (job("free"), [job("ada2"), job("ada3")]):
        answer = await api.post(body)
        assert (answer.status, answer.headers.get("RateLimit")) == (202, None)


async def test_who_submits_too_fast_is_told_when_to_go_on(api: Api, parts: Parts) -> None:
    """It protects the node, so it is asked before the store is."""
    await api.post([job("fast")] * 5)
    api.store.away = True
    answer = await api.post(job("fast"))
    api.store.away = False
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert answer.headers["RateLimit"] == '"submit";r=0;t=3'
    assert answer.json["violated-policies"] == ["submit"]
    assert parts.job_events.count("submissions_refused_total", policy="submit") == 1
    api.clock.advance(2)
    assert (await api.post(job("fast"))).status == 202


@pytest.mark.parametrize("uid", ["ada", "fast"])
@pytest.mark.parametrize("several", [False, True])
async def test_a_repetition_is_answered_whatever_the_quota_says(
    api: Api, uid: str, *, several: bool
) -> None:
    """Its jobs are there: who lost the answer must not think that they are not."""
    body: Any = [job(uid)] * 2 if several else job(uid)
    first = await api.post(body, **{"Idempotency-Key": "k"})
    if not several:
        await api.post(job(uid))
    assert (await api.post(job(uid))).status == 429
    again = await api.post(body, **{"Idempotency-Key": "k"})
    assert (again.status, again.json) == (200, first.json)
    assert (await api.post(body, **{"Idempotency-Key": "l"})).status == 429
    other = await api.post(job(uid) | {"data": 1}, **{"Idempotency-Key": "k"})
    assert other.status == 409


async def test_repetitions_that_come_at_once_are_answered(
    api: Api, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are there before the first is stored, and its job was the last one allowed."""
    await api.post(job("fast"))
    insert, stored = parts.store.insert, asyncio.Event()

    async def slow_insert(*jobs: Any, **how: Any) -> Inserted:  # noqa: ANN401 - as it is given
        await stored.wait()
        return await insert(*jobs, **how)

    monkeypatch.setattr(parts.store, "insert", slow_insert)
    submission = JobRequest(uid="fast", task="task1", data=JsonText("1"), hook=None, parent=None)
    submit = parts.app[QUOTA_SERVICE].submit
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(
                submit(EVERYBODY, [submission], idempotency_key="k", fingerprint="f"), name="submit"
            )
            for _ in range(5)
        ]
        for _ in range(20):  # all of them have begun
            await asyncio.sleep(0)
        stored.set()
    answers = [call.result().inserted for call in calls]
    assert sorted(answer.created for answer in answers) == [False] * 4 + [True]
    assert len({answer.jobs[0].id for answer in answers}) == 1


async def test_an_abort_is_never_limited(api: Api) -> None:
    """It is the way back below the limit."""
    ids = [await api.submit("ada"), await api.submit("ada")]
    assert (await api.post(job("ada"))).status == 429
    for job_id in ids:
        assert (await api.delete(f"/ada/{job_id}")).status == 200
    await api.submit("ada")
    assert (await api.delete("/ada")).json == {"aborted": 1, "aborting": 0}


async def test_usage_shows_use_and_limits(api: Api) -> None:
    """So nobody has to try."""
    await api.start(await api.submit("both"))
    await api.submit("both")
    assert (await api.get("/-/usage/both")).json == {
        "uid": "both",
        "queued": 1,
        "queued_is_exact": True,
        "running": 1,
        "pattern": "both",
        "schedules": 0,
        "limits": {
            "queued_max": 9,
            "submits_per_s": 2.0,
            "running_max": None,
            "schedules_max": None,
        },
        "weight": 1.0,
    }
    answer = await api.get("/-/usage/nobody-yet")
    assert (answer.json["queued"], answer.json["pattern"]) == (0, "*")
    assert (await api.get("/-/usage/free")).json["limits"] == {
        "queued_max": None,
        "submits_per_s": None,
        "running_max": None,
        "schedules_max": None,
    }


async def test_usage_shows_how_many_jobs_may_run_and_the_weight(api: Api) -> None:
    """They are limits that make jobs wait, and nothing else says so."""
    await api.start(await api.submit("two"))
    usage = (await api.get("/-/usage/two")).json
    assert (usage["running"], usage["limits"]["running_max"], usage["weight"]) == (1, 2, 0.5)


async def test_a_job_says_that_it_waits_for_another_of_its_user(api: Api) -> None:
    """Nobody has to wonder why a slot is free and the job does not begin."""
    first, second, beyond = [await api.submit("two") for _ in range(3)]
    quota = {"for": "quota", "until": None}

    async def waits() -> list[Any]:
        alone = [(await api.get(f"/two/{each}")).json["waits"] for each in (first, beyond)]
        listed = [job["waits"] for job in (await api.get("/two")).json]
        of_all = [job["waits"] for job in (await api.get("/-/jobs?data=false")).json]
        return [*alone, *listed, *of_all]

    await api.start(first)
    assert await waits() == [None] * 8
    await api.start(second)
    assert await waits() == [None, quota, *[quota, None, None] * 2]
    waited = (await api.get(f"/two/{beyond}?wait=0.05")).json
    assert waited["waits"] == quota
    held = (await api.post({"uid": "two", "task": "task1", "delay_s": 60})).json
    assert (await api.get(f"/two/{held['id']}")).json["waits"]["for"] == "run_at"


async def test_without_quotas_usage_has_no_limits(aiohttp_client: AiohttpClient) -> None:
    """The use is worth knowing all the same."""
    parts = build()
    client = await aiohttp_client(parts.app)
    api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
    await api.submit("ada")
    usage = (await api.get("/-/usage/ada")).json
    assert (usage["queued"], usage["pattern"], usage["limits"]) == (1, None, None)


async def test_a_wrong_uid_is_refused(api: Api) -> None:
    """As in every other path."""
    assert (await api.get("/-/usage/-x")).status == 400
    assert (await api.get("/-/usage/")).status == 404


async def test_nobody_uses_up_what_another_user_may_submit(aiohttp_client: AiohttpClient) -> None:
    """Who may not submit for a user takes nothing from its quota."""
    parts = build(lambda by_token: by_token, quotas=QUOTAS)
    tokens = parts.access.tokens
    async with background(looks=parts.looks.run(), tokens=tokens.run()):
        client = await aiohttp_client(parts.app)
        api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
        texts = {}
        for uid in ("fast", "eve"):
            made = await tokens.create(
                EVERYBODY, name=uid, role=Role.USER, uids=[uid], expires_at=None
            )
            texts[uid] = {"Authorization": f"Bearer {made.secret.text}"}
        for body in (job("fast"), [job("eve"), job("fast")]):
            for _ in range(3):
                assert (await api.post(body, **texts["eve"])).status == 403
        assert (await api.post([job("fast")] * 2, **texts["fast"])).status == 202


async def test_a_schedule_too_many_is_refused(api: Api, parts: Parts) -> None:
    """With who has how many; one that replaces another is taken."""
    order = {"task": "task1", "every_s": 3600}
    assert (await api.ask("PUT", "/-/schedules/eve/a", json=order)).status == 201
    answer = await api.ask("PUT", "/-/schedules/eve/b", json=order)
    assert (answer.status, answer.headers.get("Retry-After")) == (429, None)
    assert answer.json["type"] == EXCEEDED
    assert answer.json["violations"] == [
        {"policy": "schedules", "uid": "eve", "limit": 1, "used": 1}
    ]
    assert parts.job_events.count("submissions_refused_total", policy="schedules") == 1
    assert (await api.ask("PUT", "/-/schedules/eve/a", json=order)).status == 200
    usage = (await api.get("/-/usage/eve")).json
    assert (usage["schedules"], usage["limits"]["schedules_max"]) == (1, 1)
