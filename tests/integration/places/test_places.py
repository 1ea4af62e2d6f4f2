"""Nodes with labels on one PostgreSQL and one Redis: where jobs run, and which ones wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.nodes.test_node import refusal
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer

NO_NODE: dict[str, object] = {"for": "no_node", "until": None, "missing": []}


@pytest.fixture
def member(
    start_node: Nodes, postgres_url: str, redis_server: RedisServer, namespace: str
) -> Callable[..., Node]:
    """Starts a node of one installation, by name."""

    def start(name: str, folder: str | None = None, **settings: object) -> Node:
        return start_node(
            folder or name,
            NODE__NAME=name,
            NODE__WORKERS=1,
            NODE__LEASE_S=2,
            STORE__URL=postgres_url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
            **settings,
        )

    return start


async def test_jobs_run_where_their_labels_are_and_nowhere_else(
    member: Callable[..., Node], begun: Path
) -> None:
    """A backlog for a busy node delays no job that may run on others."""
    plain, gpu = member("plain"), member("gpu", NODE__LABELS="gpu")
    busy = await plain.submit("until", {"file": str(begun)}, needs=["gpu"])
    some = [await plain.submit("echo", needs=["gpu"]) for _ in range(10)]
    other = await plain.submit("echo")

    assert (await plain.job(other, wait_s=60))["status"] == "successful"
    assert {(await plain.job(job))["status"] for job in some} == {"queued"}
    await eventually(begun.exists)
    begun.unlink()
    ended = [await plain.job(job, wait_s=30) for job in (busy, *some)]
    assert {(job["status"], job["node"]) for job in ended} == {("successful", "gpu")}
    direct = await gpu.submit("echo", needs=["gpu"])
    assert (await gpu.job(direct, wait_s=60))["node"] == "gpu"


async def test_a_node_that_takes_only_some_jobs_runs_no_others(
    member: Callable[..., Node],
) -> None:
    """Also where it idles, and the job is submitted to it."""
    gpu = member("gpu", NODE__LABELS="gpu,fast", NODE__ONLY="gpu")
    job = await gpu.submit("echo")
    assert (await gpu.job(job, wait_s=1))["waits"] == NO_NODE

    member("plain")
    assert (await gpu.job(job, wait_s=20))["node"] == "plain"
    needing = await gpu.submit("echo", needs=["gpu"])
    assert (await gpu.job(needing, wait_s=20))["node"] == "gpu"


async def test_a_job_waits_for_a_node_that_is_started_with_its_label(
    member: Callable[..., Node],
) -> None:
    """It says so meanwhile; a deadline ends it, and an abort at once."""
    a = member("a")
    handler_needs = await a.submit("guarded_placed", {})
    late = await a.submit("guarded_placed", {}, start_within_s=0.5)
    aborted = await a.submit("guarded_placed", {})
    assert (await a.job(handler_needs))["waits"] == {**NO_NODE, "missing": ["fast"]}
    assert (await a.job(handler_needs))["needs"] == ["fast"]
    assert (await a.abort(aborted))[0] == 200
    assert (await a.job(late, wait_s=60))["error"]["kind"] == "expired"

    member("b", NODE__LABELS="fast")
    ended = await a.job(handler_needs, wait_s=20)
    assert (ended["status"], ended["node"]) == ("terminated", "b"), "its data are none of its own"


async def test_a_node_that_comes_back_with_other_labels_leaves_its_jobs(
    member: Callable[..., Node], begun: Path
) -> None:
    """Those that wait, and the one that it ran when it was killed."""
    a, b = member("a"), member("b", NODE__LABELS="gpu")
    running = await b.submit("wait", {"file": str(begun)}, needs=["gpu"])
    await eventually(lambda: _is(a, running, "running"))
    waiting = await a.submit("echo", needs=["gpu"])
    b.kill()
    member("b", "b2", NODE__LABELS="tpu")

    async def taken_back() -> bool:
        return bool((await a.job(running))["waits"] == {**NO_NODE, "missing": ["gpu"]})

    await eventually(taken_back, within_s=20)
    assert (await a.job(waiting))["waits"] == {**NO_NODE, "missing": ["gpu"]}
    member("c", NODE__LABELS="gpu")
    await eventually(lambda: _is(a, running, "running"), within_s=20)
    assert (await a.job(running))["node"] == "c"
    assert (await a.abort(running))[0] == 200
    assert (await a.job(waiting, wait_s=20))["node"] == "c"


async def _is(node: Node, job: dict[str, object], status: str) -> bool:
    return bool((await node.job(job))["status"] == status)


def handlers(folder: Path, *names: str) -> Path:
    """A folder with handlers of these names."""
    folder.mkdir()
    text = "from scheduler import handler\n"
    for name in names:
        text += dedent(f"""
            @handler("{name}")
            def {name}(data):
                return "{name}"
        """)
    (folder / "all.py").write_text(text)
    return folder


async def test_an_unknown_task_waits_during_a_rolling_upgrade(
    member: Callable[..., Node], tmp_path: Path
) -> None:
    """The node that was asked is replaced by its predecessor, say, before the job begins."""
    old, new = handlers(tmp_path / "old", "old"), handlers(tmp_path / "new", "old", "new")
    asked = member("asked", HANDLERS__PATH=new, NODE__LABELS="x", NODE__ONLY="x")
    a = member("a", HANDLERS__PATH=old)
    job = await asked.submit("new")
    asked.drain()

    async def held() -> bool:
        return bool((await a.job(job))["waits"] == NO_NODE)

    await eventually(held, within_s=20)
    await asyncio.sleep(2.5)  # it is looked at again each second
    await eventually(held)
    assert (await a.job(job))["attempts"] == []
    member("b", HANDLERS__PATH=new)
    ended = await a.job(job, wait_s=30)
    assert (ended["status"], ended["result"], ended["attempt"]) == ("successful", "new", 1)


async def test_an_unknown_task_ends_after_its_wait(
    member: Callable[..., Node], tmp_path: Path
) -> None:
    old, new = handlers(tmp_path / "old", "old"), handlers(tmp_path / "new", "new")
    asked = member("asked", HANDLERS__PATH=new, NODE__LABELS="x", NODE__ONLY="x")
    a = member("a", HANDLERS__PATH=old, HANDLERS__UNKNOWN_WAIT_S=1.5)
    job = await asked.submit("new")
    asked.drain()

    ended = await a.job(job, wait_s=30)
    assert (ended["status"], ended["error"]["kind"]) == ("terminated", "unknown_task")


async def test_a_job_waits_whose_handler_only_nodes_know_that_do_not_take_it(
    member: Callable[..., Node], tmp_path: Path
) -> None:
    """It is not taken again and again, and it does not end: the handler is not gone."""
    old, new = handlers(tmp_path / "old", "old"), handlers(tmp_path / "new", "new")
    asked = member("asked", HANDLERS__PATH=new, NODE__LABELS="x", NODE__ONLY="x")
    a = member("a", HANDLERS__PATH=old, HANDLERS__UNKNOWN_WAIT_S=0.5)
    job = await asked.submit("new")

    async def held() -> bool:
        return bool((await a.job(job))["waits"] == NO_NODE)

    await eventually(held, within_s=20)
    seen = []
    for _ in range(30):
        seen.append(await a.job(job))
        await asyncio.sleep(0.1)
    statuses = [each["status"] for each in seen]
    assert set(statuses) <= {"queued", "running"}
    assert statuses.count("running") < len(statuses) / 2, "one look now and then"
    member("b", HANDLERS__PATH=new)
    assert (await a.job(job, wait_s=30))["status"] == "successful"


async def test_wrong_labels_are_refused_at_the_start(tmp_path: Path) -> None:
    """With what came, and what is allowed."""
    wrong = await refusal(tmp_path, NODE__LABELS="a b")
    assert "SCHEDULER_NODE__LABELS" in wrong
    assert "a b" in wrong
    assert "letters, digits" in wrong
    assert "not among labels" in await refusal(tmp_path, NODE__LABELS="gpu", NODE__ONLY="tpu")


async def test_a_job_of_a_schedule_runs_where_its_handler_can(
    member: Callable[..., Node],
) -> None:
    plain = member("plain")
    await plain.call("PUT", "/-/schedules/ada/hourly", {"task": "guarded_placed", "every_s": 3600})
    status, job = await plain.call("POST", "/-/schedules/ada/hourly/run")
    assert (status, job["needs"]) == (202, ["fast"])
