"""All processes that a job started end with it, however they detached and however it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.process_table import proc_file, there
from tests.support.trees import COUNTABLE, KINDS, plant, seeds

FAR = 3600
"""An idle window so long that the safety net cannot cause what a test sees."""


@pytest.mark.parametrize("kinds", [*([kind] for kind in COUNTABLE), COUNTABLE, ["chains"]], ids=str)
async def test_all_processes_of_an_aborted_job_are_ended(
    own_node: Node, begun: Path, kinds: list[str]
) -> None:
    """Once a job is `aborted`, it has no process left, not even a zombie, and all were counted."""
    await own_node.alone()
    before = own_node.members()
    job = await plant(own_node, begun, *kinds)
    during = own_node.members()
    status, job = await own_node.abort(job)
    assert (status, job["status"]) == (200, "aborted")
    assert not there(set(during) - set(before))
    assert not own_node.zombies()
    assert job["abort"]["survivors"] == 0
    expected = 1 + sum(KINDS[kind] for kind in kinds)
    if "chains" in kinds:
        assert job["abort"]["processes"] >= expected
    else:
        assert job["abort"]["processes"] == expected
    await only_the_node(own_node)


@pytest.mark.parametrize("end", ["return", "time limit", "crash"])
async def test_nothing_of_a_job_outlives_its_end(own_node: Node, begun: Path, end: str) -> None:
    """Whatever the end: a job cannot leave a daemon running."""
    await own_node.alone()
    data = seeds(own_node, begun, *COUNTABLE, then=end)
    job = await own_node.outcome("limited_tree" if end == "time limit" else "tree", data)
    assert begun.exists()
    expected = {"return": None, "time limit": "timeout", "crash": "crash"}
    assert (job["error"] or {"kind": None})["kind"] == expected[end]
    await only_the_node(own_node)


@pytest.mark.parametrize("end", ["return", "time limit", "crash"])
async def test_chains_that_fork_all_the_time_end_with_their_job(
    own_node: Node, begun: Path, end: str
) -> None:
    """They are the hardest to catch, and after a crash the process above them is gone."""
    await own_node.alone()
    data = seeds(own_node, begun, "chains", then=end)
    await own_node.outcome("limited_tree" if end == "time limit" else "tree", data)
    assert begun.exists()
    await only_the_node(own_node)


async def test_a_bystander_is_not_harmed(own_node: Node, begun: Path) -> None:
    """It runs while other trees are ended, and while another process crashes."""
    await own_node.alone()
    bystander = await own_node.submit("until", {"file": f"{begun}.bystander"})
    await eventually(Path(f"{begun}.bystander").exists)
    await own_node.abort(await plant(own_node, begun, *COUNTABLE))
    begun.unlink()
    await own_node.outcome("tree", seeds(own_node, begun, *COUNTABLE, then="crash"))
    assert (await own_node.job(bystander))["status"] == "running"
    Path(f"{begun}.bystander").unlink()
    assert (await own_node.job(bystander, wait_s=60))["status"] == "successful"


async def test_nothing_outlives_a_killed_node(start_node: Nodes, begun: Path) -> None:
    """The warden ends trees, chains, and processes that never release the CPU."""
    node = start_node(NODE__WORKERS=3, QUEUE__IDLE_WINDOW_S=FAR)
    await populate(node, begun)
    node.kill()
    await eventually(lambda: not node.members(), within_s=60, saying="nothing runs")


async def test_processes_that_outlived_node_and_warden_are_ended_by_the_next_node(
    start_node: Nodes, begun: Path
) -> None:
    """Even processes that cleared their environment, and with it the id of the node."""
    node = start_node(NODE__WORKERS=3, QUEUE__IDLE_WINDOW_S=FAR)
    await populate(node, begun)
    node.signal(signal.SIGSTOP)  # else it would start another warden
    (warden,) = wardens(node)
    os.kill(warden, signal.SIGKILL)
    node.kill()
    assert node.members()
    start_node(NODE__WORKERS=3, QUEUE__IDLE_WINDOW_S=FAR)
    await eventually(lambda: not node.members(), within_s=60, saying="nothing runs")


async def test_another_warden_replaces_one_that_was_killed(start_node: Nodes, begun: Path) -> None:
    """A node is without a warden only for a moment."""
    node = start_node(QUEUE__IDLE_WINDOW_S=FAR)
    (first,) = wardens(node)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: wardens(node) not in ([first], []))
    await node.alone()
    await plant(node, begun, *COUNTABLE)
    node.kill()
    await eventually(lambda: not node.members(), within_s=60, saying="nothing runs")


async def populate(node: Node, begun: Path) -> None:
    """Three jobs: a tree, chains, and a C loop."""
    await node.alone()
    await plant(node, begun, *COUNTABLE)
    loop = Path(f"{begun}.loop")
    await node.submit("hard", {"file": str(loop), "way": "c_loop"})
    await eventually(loop.exists)
    await plant(node, Path(f"{begun}.chains"), "chains")


async def only_the_node(node: Node) -> None:
    """Check that only the node's own processes exist, even without zombies."""
    await node.alone()
    assert node.members() == sorted(node.processes())
    await eventually(lambda: not node.zombies(), within_s=60)


def wardens(node: Node) -> list[int]:
    return [
        pid
        for pid in node.processes()
        if b"scheduler.processes.warden" in proc_file(pid, "cmdline")
    ]
