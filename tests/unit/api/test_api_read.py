"""Reading: a job now or once it is final, and lists of jobs without gaps or repeats."""

from __future__ import annotations

import asyncio
import base64
from uuid import UUID

import pytest

from scheduler.api.requests import cursor
from scheduler.basics.clock import new_id
from scheduler.core.change import changed
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Failure, FailureKind, JsonText, Progress, Status
from tests.support.eventually import eventually
from tests.unit.api.conftest import Api, Response

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"


async def test_a_running_job_shows_its_node_and_its_progress(api: Api) -> None:
    job_id = await api.submit()
    claim = await api.start(job_id)
    await api.store.report({(job_id, claim.token): Progress(done=3.0, total=7.5, message="half")})

    job = (await api.get(f"/u1/{job_id}")).json

    assert (job["status"], job["attempt"], job["node"]) == ("running", 1, "node-a")
    assert job["progress"] == {"done": 3, "total": 7.5, "message": "half"}
    assert job["started_at"] == "2026-03-01T12:00:00.123Z"


async def test_a_result_is_shown_as_it_was_written(api: Api) -> None:
    """It is spliced in as text, so that what JSON can express and Python cannot is not lost."""
    job_id = await api.submit()
    await api.end(await api.start(job_id), result=JsonText('{"n": 1.50, "big": 1' + "0" * 40 + "}"))

    answer = await api.get(f"/u1/{job_id}")

    assert answer.json["status"] == "successful"
    assert '"result":{"n": 1.50, "big": 1' + "0" * 40 + "}" in answer.text


async def test_a_failure_is_shown_with_its_kind(api: Api) -> None:
    job_id = await api.submit()
    error = Failure(kind=FailureKind.EXCEPTION, type="KeyError", message="'n'", traceback="…")
    await api.end(await api.start(job_id), Status.TERMINATED, error=error)

    job = (await api.get(f"/u1/{job_id}")).json

    assert job["status"] == "terminated"
    assert job["error"] == {
        "kind": "exception",
        "type": "KeyError",
        "message": "'n'",
        "traceback": "…",
    }


async def test_head_answers_as_get_does_without_the_body(api: Api) -> None:
    job_id = await api.submit()

    answer = await api.ask("HEAD", f"/u1/{job_id}")

    assert (answer.status, answer.text) == (200, "")
    assert int(answer.headers["Content-Length"]) > 100


@pytest.mark.parametrize("path", [f"/u1/{NOBODYS}", "/u1/7", "/u1/not-a-uuid", "/u1/%00"])
async def test_an_unknown_id_is_not_found(api: Api, path: str) -> None:
    answer = await api.get(path)

    assert answer.status == 404
    assert answer.json["type"] == "urn:atlanscheduler:problem:no-such-job"


async def test_an_invalid_id_does_not_reach_the_store(api: Api) -> None:
    api.store.away = True

    assert (await api.get("/u1/not-a-uuid")).status == 404
    assert (await api.get(f"/u1/{NOBODYS}")).status == 503


async def test_an_id_may_be_written_in_capitals(api: Api) -> None:
    """RFC 9562: lower case for output, either case for input."""
    job_id = await api.submit()

    assert (await api.get(f"/u1/{job_id.upper()}")).json["id"] == job_id


async def test_another_users_job_is_not_found(api: Api) -> None:
    """The response is the same as for an unknown id; otherwise ids could be guessed."""
    job_id = await api.submit("u1")

    answer, unknown = await api.get(f"/u2/{job_id}"), await api.get(f"/u2/{NOBODYS}")

    assert answer.status == 404
    assert answer.text.replace(job_id, "") == unknown.text.replace(NOBODYS, "")


@pytest.mark.parametrize("uid", ["-a", "a%2Fb", "a%00", "x" * 201])
async def test_a_malformed_uid_in_a_path_is_refused_everywhere(api: Api, uid: str) -> None:
    for method, path in [
        ("GET", f"/{uid}"),
        ("DELETE", f"/{uid}"),
        ("GET", f"/{uid}/{NOBODYS}"),
        ("DELETE", f"/{uid}/{NOBODYS}"),
    ]:
        answer = await api.ask(method, path)
        assert "1 to 200 characters" in answer.flaws["uid"]


async def test_waiting_answers_when_the_job_is_final(api: Api) -> None:
    job_id = await api.submit()
    claim = await api.start(job_id)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(api.get(f"/u1/{job_id}?wait=60"))
        await api.queue.server.watched.wait()
        api.queue.announce([changed(job_id)])  # a change, but not the end
        await api.end(claim, result=JsonText("1"))

    assert waiting.result().json["status"] == "successful"


async def test_waiting_outlasts_a_store_that_is_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It responds when the job is final or the time is up, and reads the store until then."""
    job_id = await api.submit()
    claim = await api.start(job_id)
    looked = asyncio.Event()

    async def no_answer(_: object) -> None:
        monkeypatch.undo()
        looked.set()
        raise StoreUnavailable("the store does not answer")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(api.get(f"/u1/{job_id}?wait=60"))
        await api.queue.server.watched.wait()
        monkeypatch.setattr(api.store, "final", no_answer)
        api.queue.announce([changed(job_id)])
        await looked.wait()
        await api.end(claim, result=JsonText("1"))

    assert (waiting.result().status, waiting.result().json["status"]) == (200, "successful")


async def test_waiting_for_a_final_job_is_over_at_once(api: Api) -> None:
    job_id = await api.submit()
    await api.end(await api.start(job_id))

    async with asyncio.timeout(5):
        answer = await api.get(f"/u1/{job_id}?wait=60")
    assert answer.json["status"] == "successful"


async def test_when_the_time_is_up_the_job_is_answered_as_it_stands(api: Api) -> None:
    job_id = await api.submit()

    answer = await api.get(f"/u1/{job_id}?wait=0.05")

    assert (answer.status, answer.json["status"]) == (200, "queued")


async def test_a_client_that_goes_away_waits_for_nothing(api: Api) -> None:
    """Otherwise a thousand clients that disconnect would leave a thousand waits behind."""
    job_id = await api.submit()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(api.get(f"/u1/{job_id}?wait=60"))
        await api.queue.server.watched.wait()
        waiting.cancel()

    await eventually(lambda: not api.queue.server.watchers[job_id])


@pytest.mark.parametrize(
    "wait", ["61", "-1", "nan", "inf", "7e1", "e1", "", "x", "1_0", "٣", "true"]
)
async def test_an_invalid_wait_is_refused(api: Api, wait: str) -> None:
    said = (await api.get(f"/u1/{NOBODYS}?wait={wait}")).flaws

    assert said == {"wait": f'got "{wait}"; allowed: seconds to wait for the end, 0 to 60'}


async def test_a_user_without_jobs_has_an_empty_list(api: Api) -> None:
    answer = await api.get("/nobody")

    assert (answer.status, answer.json) == (200, [])
    assert "Link" not in answer.headers


async def test_pages_lead_to_all_jobs_while_others_come_in(api: Api) -> None:
    """Newest first by id: jobs that are submitted meanwhile come before the first page."""
    ids = [await api.submit() for _ in range(10)]
    await api.submit("u2")

    seen: list[str] = []
    path: str | None = "/u1?limit=3"
    while path is not None:
        answer = await api.get(path)
        seen += [job["id"] for job in answer.json]
        await api.submit()
        path = _next(answer)

    assert seen == ids[::-1]


async def test_a_full_last_page_has_no_next_page(api: Api) -> None:
    for _ in range(4):
        await api.submit()

    second = await api.get(str(_next(await api.get("/u1?limit=2"))))

    assert len(second.json) == 2
    assert _next(second) is None


async def test_the_next_page_keeps_the_filters(api: Api) -> None:
    for task in ("task1", "task2") * 3:
        await api.submit("ü/".strip("/"), task=task)

    first = await api.get("/ü?status=queued,aborted&task=task2&limit=2")
    second = await api.get(str(_next(first, of="/ü")))

    assert [job["task"] for job in first.json + second.json] == ["task2"] * 3
    assert str(_next(first)).startswith("/u1?status=queued%2Caborted&task=task2&limit=2&after=")


async def test_a_page_ends_early_at_eight_mebibytes_and_leads_on(api: Api) -> None:
    """However large the jobs are, their list can be read to its end."""
    ids = [await api.submit(data="ü" * 400_000) for _ in range(12)]

    first = await api.get("/u1")
    second = await api.get(str(_next(first)))

    assert len(first.json) == 11
    assert [job["id"] for job in first.json + second.json] == ids[::-1]
    assert _next(second) is None


async def test_lists_are_filtered_by_status(api: Api) -> None:
    running = await api.submit()
    await api.start(running)
    aborted = await api.submit()
    await api.delete(f"/u1/{aborted}")
    await api.submit()

    jobs = (await api.get("/u1?status=running,aborted")).json

    assert [job["id"] for job in jobs] == [aborted, running]


@pytest.mark.parametrize(
    ("query", "pointer", "said"),
    [
        ("status=odd", "status", 'got "odd"; allowed: one or more of queued, running'),
        ("status=done", "status", "jobs that are 'done' elsewhere are 'successful' here"),
        ("status=", "status", 'got ""; allowed: one or more of queued'),
        ("status=queued,,running", "status", 'got "queued,,running"'),
        ("limit=0", "limit", 'got "0"; allowed: how many at most, 1 to 1000'),
        ("limit=1001", "limit", "1 to 1000"),
        ("limit=ten", "limit", "1 to 1000"),
        ("limit=1.5", "limit", "1 to 1000"),
        ("task=", "task", "the name of a handler"),
        ("task=a%00", "task", "the name of a handler"),
        ("after=abc", "after", "taken from its Link header"),
        ("after=", "after", "taken from its Link header"),
        ("limits=5", "limits", "unknown parameter; did you mean 'limit'? allowed: status, task"),
        ("limit=5&limit=6", "limit", "given more than once"),
    ],
)
async def test_a_query_that_is_wrong_is_refused(
    api: Api, query: str, pointer: str, said: str
) -> None:
    flaws = (await api.get(f"/u1?{query}")).flaws

    assert said in flaws[pointer]


def _made_up() -> list[str]:
    job_id = new_id()
    sound = cursor.encode(job_id)
    body = base64.urlsafe_b64decode(sound)[:-4]
    return [
        job_id,
        base64.urlsafe_b64encode(UUID(job_id).bytes).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x02" + base64.urlsafe_b64decode(sound)[1:]).decode(),
        base64.urlsafe_b64encode(body + b"\0\0\0\0").decode(),
        sound[:-1] + ("A" if sound[-1] != "A" else "B"),
        sound + "=",
        sound + "AAAA",
        f" {sound}",
        "ü" * 28,
    ]


@pytest.mark.parametrize("after", _made_up(), ids=range(9))
async def test_a_cursor_made_up_by_hand_is_refused(api: Api, after: str) -> None:
    """Its format may change, so no client may rely on it."""
    answer = await api.ask("GET", "/u1", params={"after": after})

    assert list(answer.flaws) == ["after"]


def test_a_cursor_leads_back_to_its_job() -> None:
    job_id = new_id()

    assert cursor.decode(cursor.encode(job_id)) == job_id


def _next(answer: Response, *, of: str = "/u1") -> str | None:
    """Where the next page is: only a query, so that it holds behind any proxy."""
    link = answer.headers.get("Link")
    if link is None:
        return None
    assert link.startswith("<?")
    assert link.endswith('>; rel="next"')
    return of + str(link[1:].partition(">")[0])
