"""Memory: a job that uses too much harms itself, but neither the next job nor the node."""

from __future__ import annotations

from pathlib import Path

from tests.handlers.greedy import LIMIT_BYTES
from tests.support.eventually import eventually
from tests.support.nodes import Node
from tests.support.process_table import proc_file


async def test_after_a_job_with_a_limit_the_next_one_has_none(lone_node: Node) -> None:
    """One worker, so the next job is in the same process, where the limit must be lifted."""
    before = await lone_node.outcome("pid")
    within = await lone_node.outcome("greedy", {"where": "here", "bytes": LIMIT_BYTES // 4})
    after = await lone_node.outcome("take", LIMIT_BYTES)

    assert within["result"] == LIMIT_BYTES // 4
    assert after["result"] == LIMIT_BYTES
    assert (await lone_node.outcome("pid"))["result"] == before["result"]


async def test_beyond_its_limit_a_job_raises_and_its_process_is_replaced(lone_node: Node) -> None:
    """What took the memory may still be there, and the next job would fail at once."""
    before = await lone_node.outcome("pid")
    beyond = await lone_node.outcome("greedy", {"where": "here", "bytes": LIMIT_BYTES})

    assert (beyond["error"]["kind"], beyond["error"]["type"]) == ("exception", "MemoryError")
    assert (await lone_node.outcome("pid"))["result"] != before["result"]


async def test_the_limit_holds_for_processes_that_the_job_starts(node: Node) -> None:
    """Else a child would be a way around it."""
    within = await node.outcome("greedy", {"where": "child", "bytes": LIMIT_BYTES // 4})
    beyond = await node.outcome("greedy", {"where": "child", "bytes": LIMIT_BYTES})

    assert (within["result"], beyond["result"]) == (0, 1)


async def test_a_process_whose_limit_cannot_be_lifted_runs_no_other_job(lone_node: Node) -> None:
    """The limit of one job must not affect the next."""
    before = await lone_node.outcome("pid")
    await lone_node.outcome("shrink")
    after = await lone_node.outcome("take", LIMIT_BYTES)

    assert after["result"] == LIMIT_BYTES
    assert (await lone_node.outcome("pid"))["result"] != before["result"]


async def test_when_memory_is_short_the_kernel_kills_a_job_and_not_the_node(
    lone_node: Node,
) -> None:
    """Only pool processes are first for the kernel: not the node, its queue or its warden."""
    job = (await lone_node.outcome("pid"))["result"]
    usual = int(Path("/proc/self/oom_score_adj").read_text())

    def scores() -> dict[int, int]:
        return {
            pid: int(score)
            for pid in lone_node.processes()
            if (score := proc_file(pid, "oom_score_adj"))
        }

    pools = lone_node.workers + 1
    await lone_node.alone()
    await eventually(lambda: sorted(scores().values())[-pools:] == [1000] * pools)
    rest = {pid for pid, score in scores().items() if score == usual}
    assert len(scores()) == len(rest) + pools
    assert lone_node.process.pid in rest
    assert job not in rest
