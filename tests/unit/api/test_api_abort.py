"""Aborting over HTTP: the response distinguishes aborted, being stopped, and ended before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from scheduler.core.change import changed
from scheduler.core.job import Death, JsonText, Status
from tests.support.stores import new
from tests.unit.api.conftest import Api, Response

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"
KILLED = Death(signal="SIGKILL", processes=3, survivors=0)
KEYS = [
    "requested_at",
    "reason",
    "finished_at",
    "latency_ms",
    "signal",
    "processes",
    "survivors",
    "cleanup",
    "on_abort",
    "by",
]


async def order(api: Api, body: object, query: str = "") -> Response:
    """Abort a job by the body of a request."""
    headers = {"Content-Type": "application/json"}
    return await api.delete(f"/{query}", data=orjson.dumps(body), headers=headers)


async def test_a_queued_job_is_aborted_at_once(api: Api) -> None:
    job_id = await api.submit()

    answer = await api.delete(f"/u1/{job_id}?reason=enough")

    assert answer.status == 200
    assert answer.json["status"] == "aborted"
    assert list(answer.json["abort"]) == KEYS
    assert answer.json["abort"] == {
        "requested_at": "2026-03-01T12:00:00.123Z",
        "reason": "enough",
        "finished_at": "2026-03-01T12:00:00.123Z",
        "latency_ms": 0,
        "signal": None,
        "processes": 0,
        "survivors": 0,
        "cleanup": None,
        "on_abort": None,
        "by": None,
    }


@pytest.mark.parametrize("by_body", [False, True])
async def test_an_abort_takes_the_children_along_if_asked(api: Api, by_body: bool) -> None:  # noqa: FBT001
    """All that is below the job and of its user; the answer is about the job itself."""
    root = await api.submit()
    child = await api.submit(parent=root)
    grandchild = await api.submit(parent=child)
    foreign = await api.submit("u2", parent=root)

    plain = await api.delete(f"/u1/{root}?children=false")
    assert (await api.get(f"/u1/{child}")).json["status"] == "queued"
    if by_body:
        answer = await order(api, {"uid": "u1", "id": root, "children": True})
    else:
        answer = await api.delete(f"/u1/{root}?children=true")

    assert (answer.status, answer.json) == (plain.status, plain.json)
    aborted = [(await api.get(f"/u1/{each}")).json["status"] for each in (child, grandchild)]
    assert aborted == ["aborted", "aborted"]
    assert (await api.get(f"/u2/{foreign}")).json["status"] == "queued"


async def test_the_children_of_a_job_that_had_ended_are_aborted_though_it_cannot_be(
    api: Api,
) -> None:
    """Its user wants the rest of the work ended, which it submitted before it returned."""
    root = await api.submit()
    child = await api.submit(parent=root)
    await api.end(await api.start(root), result=JsonText("1"))

    assert (await api.delete(f"/u1/{root}?children=true")).status == 409

    assert (await api.get(f"/u1/{child}")).json["status"] == "aborted"


async def test_a_foreign_job_is_not_found_and_its_children_are_left(api: Api) -> None:
    root = await api.submit("u2")
    mine, theirs = await api.submit(parent=root), await api.submit("u2", parent=root)

    assert (await api.delete(f"/u1/{root}?children=true")).status == 404

    assert (await api.get(f"/u1/{mine}")).json["status"] == "queued"
    assert (await api.get(f"/u2/{theirs}")).json["status"] == "queued"


async def test_a_running_job_is_being_stopped_until_its_death_is_verified(api: Api) -> None:
    """The proof of death is shown once the processes are dead, never before."""
    job_id = await api.submit()
    claim = await api.start(job_id)

    answer = await api.delete(f"/u1/{job_id}")

    assert (answer.status, answer.json["status"]) == (202, "running")
    assert answer.json["abort"] == dict.fromkeys(KEYS) | {
        "requested_at": "2026-03-01T12:00:00.123Z"
    }
    assert await api.queue.abort_announced(job_id)

    api.clock.advance(0.25)
    await api.end(claim, Status.ABORTED, death=KILLED)
    again = await api.delete(f"/u1/{job_id}?reason=other")

    assert again.status == 200
    assert again.json["abort"]["latency_ms"] == 250
    assert (again.json["abort"]["signal"], again.json["abort"]["processes"]) == ("SIGKILL", 3)
    assert again.json["abort"]["reason"] is None, "the first request is kept"
    assert again.json == (await api.get(f"/u1/{job_id}")).json


async def test_waiting_answers_when_the_job_is_dead(api: Api) -> None:
    job_id = await api.submit()
    claim = await api.start(job_id)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(api.delete(f"/u1/{job_id}?wait=60"))
        await api.queue.server.watched.wait()
        await api.end(claim, Status.ABORTED, death=KILLED)

    assert (waiting.result().status, waiting.result().json["status"]) == (200, "aborted")


async def test_a_store_that_goes_away_does_not_take_back_the_answer_to_an_abort(api: Api) -> None:
    """The abort is stored, and the client must not think that it is not."""
    job_id = await api.submit()
    await api.start(job_id)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(api.delete(f"/u1/{job_id}?wait=0.2"))
        await api.queue.server.watched.wait()
        api.store.away = True
        api.queue.announce([changed(job_id)])

    answer = waiting.result()
    assert (answer.status, answer.json["status"]) == (202, "running")
    assert answer.json["abort"]["requested_at"] == "2026-03-01T12:00:00.123Z"


async def test_a_result_that_was_first_wins(api: Api) -> None:
    """The job ended while the abort was on its way: the client gets the job, and learns that."""
    job_id = await api.submit()
    claim = await api.start(job_id)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(order(api, {"uid": "u1", "id": job_id}, "?wait=60"))
        await api.queue.server.watched.wait()
        await api.end(claim, result=JsonText("42"))

    answer = waiting.result()
    assert answer.status == 409
    assert answer.json["type"] == "urn:atlanscheduler:problem:job-ended"
    assert (answer.json["job"]["status"], answer.json["job"]["result"]) == ("successful", 42)


async def test_a_job_that_ended_before_is_a_conflict(api: Api) -> None:
    job_id = await api.submit()
    await api.end(await api.start(job_id), Status.TERMINATED)

    answer = await api.delete(f"/u1/{job_id}")

    assert answer.status == 409
    assert answer.json["job"]["status"] == "terminated"
    assert answer.json["job"]["abort"] is None


async def test_an_order_in_a_body_says_the_same(api: Api) -> None:
    job_id = await api.submit("7")
    body = {"uid": 7, "id": job_id, "reason": "enough", "grace_s": 1}

    answer = await order(api, body)

    assert (answer.status, answer.json["abort"]["reason"]) == (200, "enough")
    assert answer.json == (await order(api, body)).json, "again: the same answer"


async def test_the_grace_period_that_was_asked_for_is_noted(api: Api) -> None:
    job_id = await api.submit()
    await api.start(job_id)

    await api.delete(f"/u1/{job_id}?grace_s=0.5")

    job = await api.store.get(job_id)
    assert job is not None
    assert job.abort is not None
    assert job.abort.grace_s == 0.5


@pytest.mark.parametrize("job_id", [NOBODYS, "7", "", "\x00"])
async def test_an_unknown_job_is_not_found(api: Api, job_id: str) -> None:
    assert (await order(api, {"uid": "u1", "id": job_id})).status == 404


async def test_another_users_job_is_not_aborted(api: Api) -> None:
    job_id = await api.submit("u1")

    assert (await api.delete(f"/u2/{job_id}")).status == 404
    assert (await order(api, {"uid": "u2", "id": job_id})).status == 404
    assert (await api.get(f"/u1/{job_id}")).json["status"] == "queued"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"uid": True}, "got true; allowed: 1 to 200"),
        ({"id": 7}, "got 7; allowed: the id of a job"),
        ({"reason": "x" * 501}, "text of at most 500 characters"),
        ({"reason": "a\x00"}, "without NUL"),
        ({"reason": 7}, "got 7; allowed: text"),
        ({"grace_s": True}, "got true; allowed: seconds between SIGTERM and SIGKILL, 0 to 3600"),
        ({"grace_s": "1"}, 'got "1"; allowed: seconds'),
        ({"grace_s": -0.1}, "0 to 3600"),
        ({"grace_s": 3600.1}, "0 to 3600"),
        ({"grace": 1}, "unknown field; did you mean 'grace_s'?"),
    ],
)
async def test_a_wrong_order_is_refused(api: Api, wrong: dict[str, object], said: str) -> None:
    job_id = await api.submit()

    answer = await order(api, {"uid": "u1", "id": job_id, **wrong})

    assert said in answer.flaws[f"/{next(iter(wrong))}"]
    assert (await api.get(f"/u1/{job_id}")).json["status"] == "queued"


async def test_an_order_is_one_object_as_json(api: Api) -> None:
    assert (await order(api, [])).flaws[""].startswith("got an array; allowed: a JSON object")
    assert (await api.delete("/", data=b"{}")).status == 415
    assert list((await order(api, {})).flaws) == ["/uid", "/id"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("grace_s=nan", "grace_s"), ("grace_s=3601", "grace_s"), ("wait=61", "wait"), ("id=7", "id")],
)
async def test_a_wrong_query_aborts_nothing(api: Api, query: str, pointer: str) -> None:
    job_id = await api.submit()

    assert list((await api.delete(f"/u1/{job_id}?{query}")).flaws) == [pointer]
    assert (await api.get(f"/u1/{job_id}")).json["status"] == "queued"


async def test_all_that_match_are_aborted(api: Api) -> None:
    for task in ("task1", "task2") * 3:
        await api.submit(task=task)
    running = [await api.submit(task="task1") for _ in range(2)]
    for job_id in running:
        await api.start(job_id)
    ended = await api.submit(task="task1")
    await api.end(await api.start(ended))
    other = await api.submit("u2")

    assert (await api.delete("/u1?task=task1")).json == {"aborted": 3, "aborting": 2}
    assert (await api.delete("/u1?task=task1")).json == {"aborted": 0, "aborting": 0}
    assert (await api.get(f"/u2/{other}")).json["status"] == "queued"
    assert len((await api.get("/u1?status=queued")).json) == 3


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", {"aborted": 2, "aborting": 1}),
        ("?status=queued", {"aborted": 2, "aborting": 0}),
        ("?status=running", {"aborted": 0, "aborting": 1}),
        ("?status=successful,aborted,terminated", {"aborted": 0, "aborting": 0}),
        ("?task=nobodys", {"aborted": 0, "aborting": 0}),
    ],
)
async def test_all_of_a_status_are_aborted(api: Api, query: str, counts: dict[str, int]) -> None:
    await api.start(await api.submit())
    await api.submit()
    await api.submit()

    answer = await api.delete(f"/u1{query}")

    assert (answer.status, answer.json) == (200, counts)


async def test_more_than_a_batch_are_all_aborted(api: Api) -> None:
    await api.post([{"uid": "u1", "task": "task1"}] * 450)

    assert (await api.delete("/u1")).json == {"aborted": 450, "aborting": 0}


async def test_jobs_submitted_during_a_bulk_abort_are_left_alone(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who submits as fast as it aborts would keep it busy for ever."""
    for _ in range(3):
        await api.submit()
    late: list[str] = []
    asked = api.store.request_abort

    async def one_more(*args: object, **kwargs: object) -> object:
        if len(late) < 10:
            late.append(await api.submit())
        return await asked(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(api.store, "request_abort", one_more)

    assert (await api.delete("/u1")).json == {"aborted": 3, "aborting": 0}
    queued = (await api.get("/u1?status=queued")).json
    assert sorted(job["id"] for job in queued) == sorted(late)


async def test_all_are_aborted_though_another_nodes_clock_is_fast(api: Api) -> None:
    """Its ids are greater than those that this node would make now."""
    await api.store.insert([replace(new(), id="7fffffff-0000-7000-8000-000000000000")])

    assert (await api.delete("/u1")).json == {"aborted": 1, "aborting": 0}


async def test_without_the_store_no_abort_is_promised(api: Api) -> None:
    job_id = await api.submit()
    await api.submit()
    api.store.away = True

    for path in (f"/u1/{job_id}", "/u1"):
        answer = await api.delete(path)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_store_that_goes_away_amid_many_aborts_is_one_problem(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs are aborted concurrently: their errors must not arrive as an exception group."""
    await api.post([{"uid": "u1", "task": "task1"}] * 5)
    asked = api.store.request_abort

    async def last_answer(*args: object, **kwargs: object) -> object:
        answer = await asked(*args, **kwargs)  # type: ignore[arg-type]
        api.store.away = True
        return answer

    monkeypatch.setattr(api.store, "request_abort", last_answer)

    assert (await api.delete("/u1")).status == 503


async def test_without_the_queue_an_abort_is_durable_all_the_same(api: Api) -> None:
    """The heartbeat brings the abort to the node, a little later."""
    job_id = await api.submit()
    await api.start(job_id)
    api.queue.away = True

    assert (await api.delete(f"/u1/{job_id}")).status == 202
