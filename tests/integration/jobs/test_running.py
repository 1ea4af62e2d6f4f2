"""From HTTP to a process and back: what becomes of a job, whatever its handler does."""

from __future__ import annotations

import pytest

from tests.support.nodes import Node, Nodes


async def test_a_job_runs_and_its_result_is_kept(node: Node) -> None:
    """The main path."""
    job = await node.outcome("echo", {"a": [1, 2.5, None, "ü\u0000"]})
    assert job["status"] == "successful"
    assert job["result"] == {"a": [1, 2.5, None, "ü\u0000"]}
    assert job["attempt"] == 1
    assert job["error"] is None
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


async def test_a_handler_is_told_whom_it_works_for(node: Node) -> None:
    """Handlers name their files and rows by it."""
    job = await node.outcome("told", hook="http://localhost:1/hook")
    assert job["result"] == {
        "id": job["id"],
        "uid": "u1",
        "attempt": 1,
        "hook": "http://localhost:1/hook",
    }


async def test_an_async_handler_runs(node: Node) -> None:
    """`async def` works too, the contract says."""
    assert (await node.outcome("async_echo", 7))["result"] == 7


async def test_an_exception_is_told_with_its_traceback_and_the_worker_goes_on(node: Node) -> None:
    """A user must be able to mend his data from what he is told."""
    job = await node.outcome("fail", "why")
    assert job["status"] == "terminated"
    assert job["error"]["kind"] == "exception"
    assert job["error"]["type"] == "ValueError"
    assert job["error"]["message"] == "why"
    assert "trials.py" in job["error"]["traceback"]
    assert "scheduler/processes" not in job["error"]["traceback"]
    assert (await node.outcome("echo", 1))["status"] == "successful"


async def test_leaving_by_sys_exit_is_an_exception_too(node: Node) -> None:
    """A handler that was a script once must not end the pool process."""
    job = await node.outcome("exit", 3)
    assert (job["error"]["kind"], job["error"]["type"]) == ("exception", "SystemExit")


@pytest.mark.parametrize(
    ("how", "told"),
    [(3, "exit status 3"), (0, "exit status 0"), (-11, "SIGSEGV"), (-9, "SIGKILL")],
)
async def test_a_crash_is_told_with_its_signal_or_exit_status(
    node: Node, how: int, told: str
) -> None:
    """`crash` is for deaths that leave no exception to show."""
    job = await node.outcome("crash", how)
    assert job["status"] == "terminated"
    assert job["error"]["kind"] == "crash"
    assert told in job["error"]["message"]
    assert (await node.outcome("echo", 1))["status"] == "successful"


@pytest.mark.parametrize("data", ["object", "nan", "surrogate"])
async def test_a_result_that_is_not_json_is_refused(node: Node, data: str) -> None:
    """What cannot be answered over HTTP must not be stored as if it could."""
    job = await node.outcome("nonsense", data)
    assert (job["status"], job["error"]["kind"]) == ("terminated", "result")


@pytest.mark.parametrize(
    ("how", "kind"),
    [("result", "result"), ("text", "exception"), ("name", "exception"), ("long", "exception")],
)
async def test_what_fails_whoever_looks_at_it_is_told_all_the_same(
    start_node: Nodes, how: str, kind: str
) -> None:
    """Its process would be taken for broken: the job ended as killed, and nobody knew why."""
    node = start_node(LIMITS__RESULT_BYTES_MAX=1024)
    job = await node.outcome("hostile", how)
    assert (job["status"], job["error"]["kind"]) == ("terminated", kind), job["error"]


async def test_a_result_may_be_as_large_as_the_limit_and_no_larger(node: Node) -> None:
    """`result_bytes_max` is a promise to the handler and to the memory of the node."""
    assert (await node.outcome("large", 1048576 - 2))["status"] == "successful"
    job = await node.outcome("large", 1048576 - 1)
    assert (job["status"], job["error"]["kind"]) == ("terminated", "result")
    assert "1048576" in job["error"]["message"]


async def test_a_job_that_runs_longer_than_it_may_is_ended(node: Node) -> None:
    """A time limit holds whatever the handler does."""
    job = await node.outcome("limited")
    assert (job["status"], job["error"]["kind"]) == ("terminated", "timeout")


async def test_the_last_progress_is_kept(node: Node) -> None:
    """Only some of a thousand reports travel, and the last one always."""
    job = await node.outcome("count", {"n": 1000})
    assert job["progress"] == {"done": 1000, "total": 1000, "message": "step 1000"}


async def test_a_pool_process_loads_no_more_than_it_needs(node: Node) -> None:
    """One that had to load the node's side would take five times as long to start."""
    loaded = (await node.outcome("loaded"))["result"]
    assert "scheduler.processes.child.job_loop" in loaded
    assert "scheduler.processes.pool_process" not in loaded


@pytest.mark.parametrize("task", ["leave_child", "leave_thread", "leave_fork"])
async def test_what_a_job_left_running_ends_with_it_and_its_result_is_kept(
    start_node: Nodes, task: str
) -> None:
    """No process outlives its job, also when nobody aborted it."""
    node = start_node(NODE__WORKERS=1)
    assert (await node.outcome(task))["status"] == "successful"
    await node.alone()
    assert node.drain() == 0
    await node.gone()


async def test_a_pool_process_is_used_again_and_replaced_after_its_share(
    start_node: Nodes,
) -> None:
    """Starting a process costs; leaking handlers cost, too: `jobs_per_process`."""
    node = start_node(NODE__WORKERS=1, NODE__JOBS_PER_PROCESS=3)
    pids = [(await node.outcome("pid"))["result"] for _ in range(6)]
    assert len(set(pids[:3])) == len(set(pids[3:])) == 1
    assert pids[0] != pids[5]
