"""A node after many aborts is as before: nothing is left behind, nothing grows."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Node
from tests.support.process_table import proc_file

ABORTS = int(os.environ.get("ABORTS", rounds(40, long=200)))
"""How many aborts in a row: `ABORTS=500` for still more."""
WARM_UP = rounds(20, long=60)
"""How many before the first measurement: thread pools and memory grow on demand."""
IDLE_S = 1.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Footprint(NamedTuple):
    """The resources that a node uses."""

    processes: int
    threads: int
    files: int
    kilobytes: int

    def exceeds(self, other: Footprint) -> bool:
        """Whether any of it is larger by more than a tenth and some slack."""
        slack = Footprint(processes=0, threads=2, files=4, kilobytes=4096)
        return any(
            mine > its * 1.1 + more for mine, its, more in zip(self, other, slack, strict=True)
        )


async def test_after_many_aborts_a_node_uses_no_more_than_before(
    own_node: Node, tmp_path: Path
) -> None:
    """It runs for months; an abort that leaked a file or a thread would end it in a day."""
    await abort_many(own_node, WARM_UP, tmp_path)
    before, usual_s = await footprint(own_node), await start_s(own_node)
    await abort_many(own_node, ABORTS, tmp_path)
    after = await footprint(own_node)
    assert not after.exceeds(before), (before, after)
    assert own_node.members() == sorted(own_node.processes())
    assert not own_node.zombies()
    assert await start_s(own_node) < 5 * usual_s + 1
    assert await busy(own_node) < 0.25


async def abort_many(node: Node, number: int, folder: Path) -> None:
    """Make this many aborts, as many at a time as there are workers, half with a grace period."""
    async with asyncio.TaskGroup() as group:
        for lane in range(node.workers):
            file = folder / f"begun-{lane}"
            group.create_task(abort_in_a_row(node, number // node.workers, file))


async def abort_in_a_row(node: Node, number: int, file: Path) -> None:
    for i in range(number):
        task = "wait" if i % 2 else "children"
        job = await node.submit(task, {"file": str(file)})
        await eventually(file.exists)
        status, job = await node.abort(job, f"grace_s={i % 2}&wait=30")
        assert (status, job["abort"]["survivors"]) == (200, 0), job
        file.unlink()


async def footprint(node: Node) -> Footprint:
    """The resources that the node uses when nothing runs."""
    await node.alone()
    own = Path(f"/proc/{node.process.pid}")
    status = dict(line.split(":\t", 1) for line in (own / "status").read_text().splitlines())
    return Footprint(
        processes=len(node.processes()),
        threads=int(status["Threads"]),
        files=len(list((own / "fd").iterdir())),
        kilobytes=int(status["VmRSS"].split()[0]),
    )


async def start_s(node: Node) -> float:
    """The shortest time of some jobs from submission to end."""
    best = float("inf")
    for _ in range(10):
        began_at = time.monotonic()
        await node.outcome("echo", 1)
        best = min(best, time.monotonic() - began_at)
    return best


async def busy(node: Node) -> float:
    """The share of one CPU that the idle node uses, with all its processes."""
    job = await node.submit("wait", {"file": "/dev/null"})
    await eventually(lambda: status_is(node, job, "running"))
    began_at, ticks = time.monotonic(), used(node)
    await node.job(job, wait_s=IDLE_S)
    busy = (used(node) - ticks) / TICKS_PER_S / (time.monotonic() - began_at)
    await node.abort(job)
    return busy


async def status_is(node: Node, job: dict[str, object], status: str) -> bool:
    return bool((await node.job(job))["status"] == status)


def used(node: Node) -> int:
    """Clock ticks of CPU that all processes of the node have used."""
    stats = [proc_file(pid, "stat") for pid in node.processes()]
    return sum(sum(map(int, stat.rpartition(b") ")[2].split()[11:13])) for stat in stats)
