"""Clean-up after an abort: by the job itself in its grace period, and by its `on_abort`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.process_table import there
from tests.support.servers.redis import RedisServer

FAR = 3600
"""An idle window so long that the safety net cannot cause what a test sees."""


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that tries no clean-up again."""
    nodes = Nodes(tmp_path_factory.mktemp("once"))
    try:
        yield nodes(ABORT__CLEANUP_TRIES=1)
    finally:
        nodes.close()


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("careful", ["finally", "except", "with"]),
        ("careful_async", ["finally", "with", "task"]),
    ],
)
async def test_a_job_cleans_up_in_every_way_that_python_has(
    node: Node, begun: Path, task: str, told: list[str]
) -> None:
    """Temporary files, locks and connections are released where they were taken."""
    job = await node.submit(task, {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await node.abort(job, "grace_s=60&wait=50")
    assert (status, job["abort"]["signal"]) == (200, "SIGTERM")
    assert sorted(begun.read_text().split()) == sorted(told)


async def test_without_a_grace_period_nothing_of_the_job_cleans_up(node: Node, begun: Path) -> None:
    """Grace 0 means at once."""
    job = await node.submit("careful", {"file": str(begun)})
    await eventually(begun.exists)
    assert (await node.abort(job, "grace_s=0&wait=30"))[0] == 200
    assert begun.read_text() == ""


async def test_the_clean_up_begins_when_the_whole_tree_is_dead(node: Node, begun: Path) -> None:
    """In a fresh process: what the job broke in its own must not break the clean-up."""
    job = await begin(node, begun)
    pids = [int(word) for word in begun.read_text().split()]
    Path(f"{begun}.allowed").touch()
    await node.abort(job)
    await eventually(lambda: cleanup_is(node, job, "done"))
    (line,) = undone(begun)
    runner, left = line.split(maxsplit=1)
    assert int(runner) not in pids
    assert left == "[]"


async def test_a_clean_up_has_a_time_limit_of_its_own(once: Node, begun: Path) -> None:
    """It may hang like any handler. Then the log says so, and the worker goes on."""
    await once.alone()
    job = await once.submit("undone_for_ever", {"file": str(begun)})
    await eventually(begun.exists)
    await once.abort(job)
    await eventually(lambda: cleanup_is(once, job, "failed"), within_s=60)
    assert not there(map(int, undone(begun)))
    reason = "it ran longer than its limit of 0.7 s"
    assert complaint(once, job)["message"] == reason
    assert (await notices(once, job))[-1] == f"the clean-up failed: {reason}"
    for _ in range(once.workers):
        assert (await once.outcome("echo", 1))["status"] == "successful"
    await once.alone()


async def test_a_failed_clean_up_is_shown_in_the_receipt_and_in_the_log(
    once: Node, begun: Path
) -> None:
    """A person has to clean up by hand then, and needs to know why."""
    job = await once.submit("not_undoable", {"file": str(begun)})
    await eventually(begun.exists)
    await once.abort(job)
    await eventually(lambda: cleanup_is(once, job, "failed"))
    error = complaint(once, job)
    assert (error["type"], error["message"]) == ("RuntimeError", "cannot be undone")
    assert error["where"].endswith(" in _fail_to_undo")
    heading, failed, *traceback = await notices(once, job)
    assert heading == "the clean-up begins"
    assert failed == "the clean-up failed: RuntimeError: cannot be undone"
    assert traceback[0] == "Traceback (most recent call last):"
    assert any('trials.py", line' in line for line in traceback)


async def test_a_clean_up_cannot_be_aborted(node: Node, begun: Path) -> None:
    """A second abort asks for what is done already; the clean-up goes on."""
    job = await begin(node, begun)
    first = await node.abort(job)
    await eventually(lambda: undone(begun))
    assert (await node.abort(job, "grace_s=0&wait=1"))[1]["status"] == "aborted"
    Path(f"{begun}.allowed").touch()
    await eventually(lambda: cleanup_is(node, job, "done"))
    assert first[0] == 200
    assert len(undone(begun)) == 1


async def test_the_same_node_repeats_a_clean_up_during_which_it_died(
    start_node: Nodes, begun: Path
) -> None:
    """Half a clean-up is none; the promise is that it runs at least once."""
    node = start_node(QUEUE__IDLE_WINDOW_S=FAR)
    job = await begin(node, begun)
    await node.abort(job)
    await eventually(lambda: undone(begun))
    node.kill()
    await node.gone()
    Path(f"{begun}.allowed").touch()
    again = start_node(QUEUE__IDLE_WINDOW_S=FAR)
    await eventually(lambda: cleanup_is(again, job, "done"))
    assert len(undone(begun)) == 2


async def test_the_same_node_runs_a_clean_up_before_which_it_died(
    start_node: Nodes, begun: Path
) -> None:
    """It died with its only worker busy and the clean-up in the queue."""
    node = start_node(NODE__WORKERS=1, QUEUE__IDLE_WINDOW_S=FAR)
    job = await begin(node, begun)
    status, _ = await node.abort(job, "grace_s=0")
    assert status == 202
    node.kill()
    await node.gone()
    Path(f"{begun}.allowed").touch()
    again = start_node(NODE__WORKERS=1, QUEUE__IDLE_WINDOW_S=FAR)
    await eventually(lambda: cleanup_is(again, job, "done"), within_s=60)
    assert (await again.job(job))["status"] == "aborted"


async def test_another_node_repeats_a_clean_up_during_which_a_node_died(
    start_node: Nodes, begun: Path, postgres_url: str, redis_server: RedisServer, namespace: str
) -> None:
    """It does not matter which node runs it."""
    shared: dict[str, Any] = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "QUEUE__IDLE_WINDOW_S": FAR,
        "NODE__LEASE_S": 1,
    }
    first = start_node("first", NODE__NAME="first", **shared)
    job = await begin(first, begun)
    await first.abort(job)
    await eventually(lambda: undone(begun))
    second = start_node("second", NODE__NAME="second", **shared)
    first.kill()
    Path(f"{begun}.allowed").touch()
    await eventually(lambda: cleanup_is(second, job, "done"), within_s=60)
    assert len(undone(begun)) == 2


async def begin(node: Node, begun: Path) -> Body:
    """Start a job with a child, and a clean-up that waits until it may end."""
    job = await node.submit("undone_when_allowed", {"file": str(begun)})
    await eventually(lambda: begun.exists() and begun.read_text())
    return job


async def cleanup_is(node: Node, job: Body, cleanup: str) -> bool:
    return bool((await node.job(job))["abort"]["cleanup"] == cleanup)


def complaint(node: Node, job: Body) -> dict[str, Any]:
    """The line in the node's log about a failed clean-up."""
    told = (json.loads(line) for line in node.log.splitlines() if job["id"] in line)
    return next(line for line in told if line["event"] == "clean-up failed")


async def notices(node: Node, job: Body) -> list[str]:
    """The scheduler's own lines in the log of a job."""
    address = f"{node.url}/{job['uid']}/{job['id']}/log"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        lines = [line.split(" ", 2) for line in (await answer.text()).splitlines()]
    return [text for _, stream, text in lines if stream == "notice"]


def undone(begun: Path) -> list[str]:
    """A line for each time the clean-up began."""
    path = Path(f"{begun}.undone")
    return path.read_text().splitlines() if path.exists() else []
