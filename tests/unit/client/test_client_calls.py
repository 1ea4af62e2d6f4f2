"""What both clients promise, against the real API."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, timedelta
from typing import Any

import pytest

from atlanscheduler_client import (
    Aborts,
    AsyncClient,
    Cleanup,
    CleanupState,
    Client,
    JobEnded,
    NewJob,
    NoSuchJob,
    Problem,
    Status,
)
from scheduler.cli.terminal import print_json
from scheduler.core import job as core
from scheduler.core.change import changed
from scheduler.core.job import Death, Failure, FailureKind, Progress
from tests.support.stores import AT, node
from tests.unit.client.conftest import Api, Either

NOBODYS = "01a208bc-e538-7404-822a-df0cc3d7b9b4"


def public(kind: type) -> dict[str, list[str]]:
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in methods
        if not name.startswith("_") and name != "close"
    }


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    """A user who knows one client knows the other."""
    assert public(Client) == public(AsyncClient)
    assert set(public(Client)) >= {"submit", "submit_all", "get", "list", "wait", "abort"}


async def test_a_submitted_job_comes_back_typed(client: Either, api: Api) -> None:
    job = await client.do("submit", "ada", "task1", {"n": [1, None, "ü"]}, hook="http://a.example")
    assert (job.uid, job.task, job.status) == ("ada", "task1", Status.QUEUED)
    assert (job.data, job.hook, job.result) == ({"n": [1, None, "ü"]}, "http://a.example", None)
    assert job.created_at == api.clock.now()
    assert job.created_at.utcoffset() == timedelta(0)
    assert not job.final


async def test_a_job_has_all_that_its_json_has(
    client: Either, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost when the client reads it, nor when the command line prints it by `--json`."""
    job_id = await api.submit("ada", data={"n": 1})
    claim = await api.start(job_id)
    error = Failure(kind=FailureKind.EXCEPTION, type="ValueError", message="no", traceback="T")
    progress = Progress(done=3, total=10, message="three")
    await api.end(claim, core.Status.TERMINATED, error=error, progress=progress)
    job = await client.do("get", "ada", job_id)
    assert (asdict(job.error), asdict(job.progress)) == (asdict(error), asdict(progress))
    assert (job.attempt, job.node) == (1, "node-a")
    assert job.finished_at.tzinfo is UTC
    print_json(job)
    assert json.loads(capsys.readouterr().out) == (await api.get(f"/ada/{job_id}")).json


async def test_a_job_that_runs_here_is_the_parent_of_what_is_submitted(
    client: Either, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler need not know that, nor pass it on: else an abort would miss what it submitted."""
    assert (await client.do("submit", "ada", "task1")).parent is None
    monkeypatch.setenv("ATLANSCHEDULER_JOB", NOBODYS)

    job = await client.do("submit", "ada", "task1")
    (bulk,) = await client.do("submit_all", [NewJob(uid="ada", task="task1")])
    stated = await client.do("submit", "ada", "task1", parent=job.id)

    assert [each.parent for each in (job, bulk, stated)] == [NOBODYS, NOBODYS, job.id]
    children = await client.all("list", "ada", parent=NOBODYS)
    assert [each.id for each in children] == [bulk.id, job.id]


async def test_a_parent_that_is_no_id_is_named_by_the_node(
    client: Either, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLANSCHEDULER_JOB", "mine")
    with pytest.raises(Problem, match='/parent: got "mine"; allowed: the id of a job'):
        await client.do("submit", "ada", "task1")


async def test_without_a_url_the_client_asks_the_node_that_the_environment_names(
    connect: Callable[..., Any], api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a handler that is its own node: code that is moved there finds it by itself."""
    monkeypatch.setenv("ATLANSCHEDULER_URL", str(api.client.make_url("/")))
    job = await (await connect(None)).do("submit", "ada", "task1")
    assert (await api.get(f"/ada/{job.id}")).status == 200

    monkeypatch.setenv("ATLANSCHEDULER_URL", "nonsense")
    with pytest.raises(ValueError, match="ATLANSCHEDULER_URL: 'nonsense' is not like http"):
        await connect(None)


async def test_an_abort_takes_the_children_along_if_asked(client: Either, api: Api) -> None:
    root = await api.submit("ada")
    child = await api.submit("ada", parent=root)
    await client.do("abort", "ada", root)
    assert (await client.do("get", "ada", child)).status is Status.QUEUED
    await client.do("abort", "ada", root, children=True)
    assert (await client.do("get", "ada", child)).status is Status.ABORTED


async def test_the_same_key_submits_once(client: Either, api: Api) -> None:
    first = await client.do("submit", "ada", "task1", 1, idempotency_key="k")
    again = await client.do("submit", "ada", "task1", 1, idempotency_key="k")
    assert first == again
    with pytest.raises(Problem, match="key") as refused:
        await client.do("submit", "ada", "task1", 2, idempotency_key="k")
    assert refused.value.status == 409
    assert refused.value.type == "urn:atlanscheduler:problem:idempotency-conflict"
    assert api.stored == 1


async def test_without_a_key_each_submission_is_one(client: Either, api: Api) -> None:
    """The client makes a new key for each call."""
    for _ in range(2):
        await client.do("submit", "ada", "task1", 1)
    assert api.stored == 2


async def test_several_jobs_are_submitted_in_their_order(client: Either) -> None:
    wanted = [NewJob(uid=f"u{n}", task="task1", data=n) for n in range(3)]
    jobs = await client.do("submit_all", wanted)
    assert [(job.uid, job.data) for job in jobs] == [("u0", 0), ("u1", 1), ("u2", 2)]


async def test_a_list_goes_through_all_pages_newest_first(client: Either, api: Api) -> None:
    """A page has 100 jobs; the caller only sees one iterator."""
    wanted = [NewJob(uid="ada", task=f"task{1 + n % 2}", data=n) for n in range(230)]
    await client.do("submit_all", wanted)
    assert [job.data for job in await client.all("list", "ada")] == list(range(229, -1, -1))
    odd = await client.all("list", "ada", statuses=[Status.QUEUED], task="task2")
    assert [job.data for job in odd] == list(range(229, -1, -2))
    assert await client.all("list", "ada", statuses=[Status.ABORTED]) == []
    assert await client.all("list", "ada", statuses="queued", task="task2") == odd
    assert await client.all("list", "ada", statuses="queued,aborted", task="task2") == odd
    assert await client.all("list", "nobody") == []
    assert api.stored == 230


async def test_a_list_of_all_has_the_jobs_of_every_user(client: Either) -> None:
    """A method of its own: a uid that is None by mistake must not show others' jobs."""
    await client.do("submit_all", [NewJob(uid=f"u{n}", task="task1", data=n) for n in range(130)])
    await client.do("submit", "ada", "task2")

    everybodys = await client.all("list_all", task="task1")
    assert [(job.uid, job.data) for job in everybodys] == [(f"u{n}", n) for n in range(129, -1, -1)]
    assert await client.all("list_all", statuses=[Status.RUNNING]) == []
    assert len(await client.all("list_all", statuses="queued,running")) == 131
    with pytest.raises(TypeError):
        await client.all("list", None)


async def test_a_word_that_is_no_uid_is_refused_with_the_reason(client: Either) -> None:
    with pytest.raises(Problem, match=r"/uid: .* did you mean /-/health") as refused:
        await client.do("submit", "health", "task1")
    assert refused.value.status == 400
    for call in (
        client.do("get", "health", NOBODYS),
        client.do("abort", "health", NOBODYS),
        client.all("list", "health"),
    ):
        with pytest.raises(Problem, match="no user can be named 'health'") as refused:
            await call
        assert (refused.value.status, type(refused.value)) == (404, Problem)


async def test_a_uid_may_have_any_characters_that_the_api_allows(client: Either) -> None:
    uid = "a b?c=d&e#f%2Fg;é\\"
    job = await client.do("submit", uid, "task1")
    assert (await client.do("get", uid, job.id)).uid == uid
    assert [each.id for each in await client.all("list", uid)] == [job.id]


async def test_a_job_that_is_not_there_is_said_so(client: Either, api: Api) -> None:
    job_id = await api.submit("ada")
    for uid, wanted in (("ada", NOBODYS), ("bob", job_id)):
        with pytest.raises(NoSuchJob):
            await client.do("get", uid, wanted)


async def test_each_flaw_of_a_request_is_named_with_its_position(client: Either) -> None:
    with pytest.raises(Problem, match="tusk") as refused:
        await client.do("submit", "ada", "tusk")
    assert (refused.value.status, refused.value.title) == (
        400,
        "The request is malformed or invalid",
    )
    assert [flaw.pointer for flaw in refused.value.errors] == ["/task"]


async def test_a_value_that_is_not_json_is_not_sent(client: Either, api: Api) -> None:
    with pytest.raises(ValueError, match="JSON"):
        await client.do("submit", "ada", "task1", float("nan"))
    assert api.stored == 0


async def test_an_abort_brings_the_proof_of_death(client: Either, api: Api) -> None:
    job_id = await api.submit("ada", task="task2")
    claim = await api.start(job_id)
    stopping = await client.do("abort", "ada", job_id, reason="wrong", grace_s=0.5, wait_s=0)
    assert (stopping.status, stopping.abort.finished_at) == (Status.RUNNING, None)
    death = Death(signal="SIGKILL", processes=3, survivors=0)
    await api.end(claim, core.Status.ABORTED, death=death)
    job = await client.do("abort", "ada", job_id)
    assert job.status is Status.ABORTED
    abort = job.abort
    assert (abort.signal, abort.processes, abort.survivors) == ("SIGKILL", 3, 0)
    assert (abort.reason, abort.cleanup) == ("wrong", Cleanup.PENDING)
    assert abort.latency_ms == 0


async def test_an_abort_waits_until_the_job_is_undone(client: Either, api: Api) -> None:
    """With `until="over"`; how often it was tried, and why it failed, comes typed."""
    job_id = await api.submit("ada", task="task2")
    claim = await api.start(job_id)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        aborting = group.create_task(client.do("abort", "ada", job_id, until="over"))
        waiting = group.create_task(client.do("wait", "ada", job_id, until="over"))
        await api.queue.server.watched.wait()
        death = Death(signal="SIGKILL", processes=3, survivors=0)
        await api.end(claim, core.Status.ABORTED, death=death)
        clean = await api.start(job_id)
        ended, _ = await asyncio.wait({aborting, waiting}, timeout=0.5)
        assert not ended, "dead, but not undone"
        failure = Failure(kind=FailureKind.CRASH, message="signal 11")
        tries = core.CleanupTries(ended=5, allowed=5, error=failure)
        await api.store.settle_cleanup(
            job_id, token=clean.token, cleanup=core.Cleanup.FAILED, tries=tries
        )
        api.queue.announce([changed(job_id)])

    on_abort = aborting.result().abort.on_abort
    assert (on_abort.state, on_abort.tries, on_abort.tries_max) == (CleanupState.FAILED, 5, 5)
    assert (on_abort.error.summary, on_abort.next_try_at) == ("signal 11", None)
    assert aborting.result() == waiting.result()
    assert aborting.result().over


async def test_a_job_that_ended_before_its_abort_comes_with_the_problem(
    client: Either, api: Api
) -> None:
    job_id = await api.submit("ada")
    await api.end(await api.start(job_id))
    with pytest.raises(JobEnded) as ended:
        await client.do("abort", "ada", job_id)
    assert (ended.value.status, ended.value.job.status) == (409, Status.SUCCESSFUL)


async def test_all_that_match_are_aborted(client: Either, api: Api) -> None:
    await api.start(await api.submit("ada"))
    await api.submit("ada")
    await api.submit("ada", task="task2")
    aborts = await client.do("abort_all", "ada", statuses=[Status.QUEUED], task="task2")
    assert aborts == Aborts(aborted=1, aborting=0)
    assert await client.do("abort_all", "ada") == Aborts(aborted=1, aborting=1)


async def test_a_wait_ends_with_the_job(client: Either, api: Api) -> None:
    job_id = await api.submit("ada")
    claim = await api.start(job_id)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(client.do("wait", "ada", job_id))
        await api.end(claim)
    assert waiting.result().status is Status.SUCCESSFUL


async def test_a_wait_ends_when_its_time_is_up(client: Either, api: Api) -> None:
    job_id = await api.submit("ada")
    with pytest.raises(TimeoutError, match=r"did not end within 0\.05 s"):
        await client.do("wait", "ada", job_id, timeout_s=0.05)


async def test_handlers_and_nodes_are_listed(client: Either, api: Api) -> None:
    await api.store.register(node("a1"))
    task1, task2 = await client.do("tasks")
    assert (task1.name, task1.doc, task1.timeout_s, task1.grace_s) == ("task1", "Counts.", 60, 1.5)
    assert (task1.memory_bytes, task2.memory_bytes) == (1 << 30, None)
    assert (task2.name, task2.on_abort) == ("task2", True)
    assert task1.loaded_at == task2.loaded_at == AT
    (found,) = await client.do("nodes")
    assert found.name == node("a1").name
    assert found.started_at == node("a1").started_at


@pytest.mark.parametrize("left_out", ["", ".", ".."])
async def test_what_proxies_take_out_of_a_path_is_refused(
    client: Either, api: Api, left_out: str
) -> None:
    """An abort of the job `..` of Ada would be one of all that is submitted, and so on."""
    job_id = await api.submit("ada")
    for method, *args in (
        ("get", "ada", left_out),
        ("get", left_out, "ada"),
        ("wait", "ada", left_out),
        ("abort", "ada", left_out),
        ("abort", left_out, "ada"),
        ("abort_all", left_out),
        ("usage", left_out),
        ("revoke_token", left_out),
    ):
        with pytest.raises(ValueError, match=f"can be named '{left_out}'"):
            await client.do(method, *args)
    for method, *args in (
        ("list", left_out),
        ("watch", "ada", left_out),
        ("log", left_out, "ada"),
    ):
        with pytest.raises(ValueError, match=f"can be named '{left_out}'"):
            await client.all(method, *args)
    assert (await client.do("get", "ada", job_id)).status == Status.QUEUED


async def test_a_node_that_is_asked_by_another_name_says_what_to_do(
    connect: Callable[..., Any], api: Api
) -> None:
    """Whoever has given it a new name meets this first."""
    url = str(api.client.make_url("/"))
    there: Either = await connect(url, headers={"Host": "new.example"})
    with pytest.raises(
        Problem, match=r"as 'new.example'; if .* add it to \[http\] hosts"
    ) as refused:
        await there.do("tasks")
    assert refused.value.status == 421
