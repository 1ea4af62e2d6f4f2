"""An abort, from the request to the proof of death."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node

GENTLE = ["wait", "async_wait", "regex"]
"""Jobs that end by themselves within a grace period, and use up none."""
HARD = ["stubborn", "digest", "children"]
PATIENCE_S = 60


@pytest.mark.parametrize(
    ("task", "grace_s"),
    [
        *((task, 0) for task in GENTLE + HARD),
        *((task, PATIENCE_S) for task in GENTLE),
        *((task, 0.3) for task in HARD),
    ],
)
async def test_a_running_job_is_ended_with_all_its_processes(
    own_node: Node, begun: Path, task: str, grace_s: float
) -> None:
    """The main promise, for a sleeping, a stubborn and a CPU-bound job, and for a whole tree."""
    job = await own_node.submit(task, {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await own_node.abort(job, f"grace_s={grace_s}&wait=50&reason=enough")
    assert (status, job["status"]) == (200, "aborted")
    abort = job["abort"]
    assert abort["survivors"] == 0
    assert abort["processes"] == (4 if task == "children" else 1)
    assert abort["reason"] == "enough"
    assert abort["finished_at"] == job["finished_at"]
    assert abort["latency_ms"] >= 0
    assert abort["signal"] == ("SIGTERM" if grace_s and task in GENTLE else "SIGKILL")
    await own_node.alone()
    assert (await own_node.outcome("echo", 1))["status"] == "successful"


@pytest.mark.parametrize("task", ["wait", "async_wait"])
async def test_a_handler_cleans_up_within_its_grace_period(
    node: Node, begun: Path, task: str
) -> None:
    """`finally` and `with` blocks run, sync and async."""
    job = await node.submit(task, {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await node.abort(job, f"grace_s={PATIENCE_S}&wait=50")
    assert (status, job["abort"]["signal"]) == (200, "SIGTERM")
    assert begun.read_text() == "unwound"


async def test_a_handler_whose_threads_send_messages_cleans_up_as_well(
    node: Node, begun: Path
) -> None:
    """The exception is raised in the main thread, whatever other threads are sending."""
    job = await node.submit("chatter", {"file": str(begun)}, hook="http://127.0.0.1:9/")
    await eventually(begun.exists)
    status, job = await node.abort(job, f"grace_s={PATIENCE_S}&wait=50")
    assert (status, job["abort"]["signal"]) == (200, "SIGTERM")
    assert begun.read_text() == "cleaned up"


async def test_the_grace_period_of_a_stop_can_be_shortened(node: Node, begun: Path) -> None:
    """By another abort; also where the time limit stopped it."""
    job = await node.submit("late_and_stubborn", {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await node.abort(job, "grace_s=1000")
    assert (status, job["status"]) == (202, "running")
    status, job = await node.abort(job, "grace_s=0&wait=30")
    assert (status, job["status"], job["abort"]["signal"]) == (200, "aborted", "SIGKILL")


async def test_a_queued_job_is_aborted_at_once(lone_node: Node, begun: Path) -> None:
    """It does not have to wait for a worker."""
    first = await lone_node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    second = await lone_node.submit("echo", 1)
    status, job = await lone_node.abort(second, "reason=changed%20my%20mind")
    assert (status, job["status"], job["attempt"]) == (200, "aborted", 0)
    assert job["abort"]["signal"] is None
    assert job["abort"]["processes"] == job["abort"]["survivors"] == 0
    assert (await lone_node.abort(first))[0] == 200
    assert (await lone_node.outcome("echo", 2))["status"] == "successful"
    assert (await lone_node.job(second))["status"] == "aborted"


async def test_an_abort_without_waiting_answers_202_and_takes_effect(
    node: Node, begun: Path
) -> None:
    """The answer is the state at that moment; waiting is the caller's choice."""
    job = await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    status, answer = await node.abort(job, "")
    assert status == 202
    assert answer["status"] == "running"
    assert answer["abort"]["requested_at"] is not None
    assert (await node.job(job, wait_s=30))["status"] == "aborted"


async def test_aborting_again_gives_the_same_answer(node: Node, begun: Path) -> None:
    """An abort is idempotent: a button may be pressed twice."""
    job = await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    first = await node.abort(job, "wait=30&reason=one")
    assert await node.abort(job, "wait=30&reason=two") == first


async def test_a_finished_job_cannot_be_aborted(node: Node) -> None:
    """A result that came first is kept."""
    job = await node.outcome("echo", 1)
    status, problem = await node.abort(job)
    assert status == 409
    assert (await node.job(job))["status"] == "successful"
    assert problem["job"]["status"] == "successful"


async def test_all_jobs_of_a_user_are_aborted_in_one_request(lone_node: Node) -> None:
    """And no job of another user."""
    jobs = [{"uid": "many", "task": "wait", "data": {"file": "/dev/null"}}] * 10
    status, submitted = await lone_node.call("POST", "/", jobs)
    assert status == 202
    await eventually(lambda: _status_is(lone_node, submitted[0], "running"))
    status, counts = await lone_node.call("DELETE", "/many")
    assert (status, counts) == (200, {"aborted": 9, "aborting": 1})
    for job in submitted:
        assert (await lone_node.job(job, wait_s=30))["status"] == "aborted"


async def test_the_clean_up_runs_in_a_fresh_process_after_the_death(
    node: Node, begun: Path
) -> None:
    """`on_abort` may clean up only once the job can do nothing more."""
    job = await node.submit("undoable", {"file": str(begun)})
    await eventually(begun.exists)
    status, aborted = await node.abort(job)
    assert status == 200
    assert aborted["abort"]["cleanup"] in {"pending", "done"}
    await eventually(lambda: _cleanup_is(node, job, "done"))
    (line,) = Path(f"{begun}.undone").read_text().splitlines()
    assert line.split()[0] == job["id"]
    assert line.split()[1] != begun.read_text()


async def test_a_failed_clean_up_is_shown_in_the_receipt(node: Node, begun: Path) -> None:
    """A person has to clean up by hand then, and must know."""
    job = await node.submit("not_undoable", {"file": str(begun)})
    await eventually(begun.exists)
    status, aborted = await node.abort(job, "wait=60&until=over")
    assert (status, aborted["abort"]["cleanup"]) == (200, "failed")


async def _status_is(node: Node, job: dict[str, object], status: str) -> bool:
    return bool((await node.job(job))["status"] == status)


async def _cleanup_is(node: Node, job: dict[str, object], cleanup: str) -> bool:
    return bool((await node.job(job))["abort"]["cleanup"] == cleanup)
