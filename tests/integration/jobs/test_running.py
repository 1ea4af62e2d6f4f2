"""From HTTP to a process and back: how a job ends, whatever its handler does."""

from __future__ import annotations

from collections.abc import Iterator

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


async def test_a_handler_gets_the_id_and_user_of_its_job(node: Node) -> None:
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


async def test_an_exception_is_shown_with_its_traceback_and_the_worker_goes_on(node: Node) -> None:
    """Users must be able to correct their data by it."""
    job = await node.outcome("fail", "why")
    assert job["status"] == "terminated"
    assert job["error"]["kind"] == "exception"
    assert job["error"]["type"] == "ValueError"
    assert job["error"]["message"] == "why"
    assert "trials.py" in job["error"]["traceback"]
    assert "scheduler/processes" not in job["error"]["traceback"]
    assert (await node.outcome("echo", 1))["status"] == "successful"


async def test_leaving_by_sys_exit_is_an_exception_too(node: Node) -> None:
    """A handler that used to be a script must not end the pool process."""
    job = await node.outcome("exit", 3)
    assert (job["error"]["kind"], job["error"]["type"]) == ("exception", "SystemExit")


@pytest.mark.parametrize(
    ("how", "told"),
    [(3, "exit status 3"), (0, "exit status 0"), (-11, "SIGSEGV"), (-9, "SIGKILL")],
)
async def test_a_crash_is_shown_with_its_signal_or_exit_status(
    node: Node, how: int, told: str
) -> None:
    """`crash` is for deaths without an exception."""
    job = await node.outcome("crash", how)
    assert job["status"] == "terminated"
    assert job["error"]["kind"] == "crash"
    assert told in job["error"]["message"]
    assert (await node.outcome("echo", 1))["status"] == "successful"


@pytest.mark.parametrize("data", ["object", "nan", "surrogate"])
async def test_a_result_that_is_not_json_is_refused(node: Node, data: str) -> None:
    """A result that cannot be sent over HTTP must not be stored."""
    job = await node.outcome("nonsense", data)
    assert (job["status"], job["error"]["kind"]) == ("terminated", "result")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node where results are short."""
    nodes = Nodes(tmp_path_factory.mktemp("strict"))
    try:
        yield nodes(LIMITS__RESULT_BYTES_MAX=1024)
    finally:
        nodes.close()


@pytest.mark.parametrize(
    ("how", "kind"),
    [("result", "result"), ("text", "exception"), ("name", "exception"), ("long", "exception")],
)
async def test_a_result_or_exception_that_cannot_be_read_is_an_error(
    strict: Node, how: str, kind: str
) -> None:
    """Else its process would count as broken, and the job would end as killed without a reason."""
    job = await strict.outcome("hostile", how)
    assert (job["status"], job["error"]["kind"]) == ("terminated", kind), job["error"]


async def test_a_result_may_be_as_large_as_the_limit_and_no_larger(node: Node) -> None:
    """`result_bytes_max` is a promise to the handler and to the memory of the node."""
    assert (await node.outcome("large", 1048576 - 2))["status"] == "successful"
    job = await node.outcome("large", 1048576 - 1)
    assert (job["status"], job["error"]["kind"]) == ("terminated", "result")
    assert "1048576" in job["error"]["message"]


async def test_a_job_that_exceeds_its_time_limit_is_ended(node: Node) -> None:
    """A time limit holds whatever the handler does."""
    job = await node.outcome("limited")
    assert (job["status"], job["error"]["kind"]) == ("terminated", "timeout")


async def test_the_last_progress_is_kept(node: Node) -> None:
    """Only some of a thousand reports are sent, but always the last one."""
    job = await node.outcome("count", {"n": 1000})
    assert job["progress"] == {"done": 1000, "total": 1000, "message": "step 1000"}


async def test_a_pool_process_loads_no_more_than_it_needs(node: Node) -> None:
    """If it loaded the node's side too, it would take five times as long to start."""
    loaded = (await node.outcome("loaded"))["result"]
    assert "scheduler.processes.child.job_loop" in loaded
    assert "scheduler.processes.pool_process" not in loaded
    assert "scheduler.core.job" not in loaded


@pytest.mark.parametrize("task", ["leave_child", "leave_thread", "leave_fork"])
async def test_what_a_job_left_running_ends_with_it_and_its_result_is_kept(
    start_node: Nodes, task: str
) -> None:
    """No process outlives its job, even without an abort."""
    node = start_node(NODE__WORKERS=1)
    assert (await node.outcome(task))["status"] == "successful"
    await node.alone()
    assert node.drain() == 0
    await node.gone()


async def test_a_pool_process_is_used_again_and_replaced_after_its_share(
    start_node: Nodes,
) -> None:
    """Starting a process costs time, leaking handlers cost memory: `jobs_per_process`."""
    node = start_node(NODE__WORKERS=1, NODE__JOBS_PER_PROCESS=3)
    pids = [(await node.outcome("pid"))["result"] for _ in range(6)]
    assert len(set(pids[:3])) == len(set(pids[3:])) == 1
    assert pids[0] != pids[5]
