"""A node's open files: what ended processes had is closed with them, not some day later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.forking.client import forked_node
from tests.support.nodes import ROOT, Node

WARM_UP = rounds(5, long=10)
ABORTS = rounds(20, long=60)
"""One file that stays open after every fourth would show, or after every tenth."""
ENDS = rounds(15, long=50)
CONNECTIONS = 4
"""That come and go by themselves: to the queue, and from clients."""
WITHOUT_COLLECTOR = f"""
import gc, sys
if __name__ == "__main__":
    gc.disable()
    sys.path.insert(0, {str(ROOT)!r})
    from scheduler.cli import main
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def uncollected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose garbage collector never runs, and whose processes run one job each."""
    folder = tmp_path_factory.mktemp("uncollected")
    program = folder / "main.py"
    program.write_text(WITHOUT_COLLECTOR)
    node = Node(
        folder / "node",
        {"NODE__WORKERS": 2, "NODE__JOBS_PER_PROCESS": 1, "LIMITS__RESULT_BYTES_MAX": 1000},
        program=program,
        launch=forked_node,
    )
    try:
        yield node
    finally:
        node.close()


@pytest.mark.timeout(300)
async def test_after_many_aborts_as_many_files_are_open_as_before(
    uncollected: Node, begun: Path
) -> None:
    """A limit of 1,024 would be reached by a few hundred, before the collector comes."""
    await abort_many(uncollected, WARM_UP, begun)
    before = await open_files(uncollected)
    await abort_many(uncollected, ABORTS, begun)
    assert await open_files(uncollected) <= before + CONNECTIONS


@pytest.mark.parametrize("task", ["pid", "exit", "leave_raw_thread"])
async def test_after_processes_that_ended_otherwise_as_many_are_open_too(
    uncollected: Node, task: str
) -> None:
    """Processes that were worn out, died or were replaced for what a job left."""
    for _ in range(WARM_UP):
        await uncollected.outcome(task, 3)
    before = await open_files(uncollected)
    for _ in range(ENDS):
        await uncollected.outcome(task, 3)
    assert await open_files(uncollected) <= before + CONNECTIONS


async def abort_many(node: Node, number: int, begun: Path) -> None:
    for _ in range(number):
        begun.unlink(missing_ok=True)
        job = await node.submit("brief", {"for_s": 100, "begun": str(begun)})
        await eventually(begun.exists, within_s=60)
        status, aborted = await node.abort(job, "grace_s=0&wait=30")
        assert (status, aborted["status"]) == (200, "aborted")


async def open_files(node: Node) -> int:
    """How many the node has open when nothing runs: the least of some looks."""
    await node.alone()
    counts = []
    for _ in range(10):
        counts.append(len(list(Path(f"/proc/{node.process.pid}/fd").iterdir())))
        await asyncio.sleep(0.05)
    return min(counts)
