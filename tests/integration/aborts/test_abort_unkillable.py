"""Aborts of jobs with processes that survive SIGKILL, as processes in state D do.

Simulated with the freezer of control groups: a frozen process takes no signal, not even SIGKILL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes

FREEZER: Final = Path("/sys/fs/cgroup/freezer")
VERIFY_S: Final = 20.0
"""How long a node may take to notice a survivor."""
END_S: Final = 10.0
MANY: Final = 8
"""More than the default number of threads of the event loop on a small machine."""

pytestmark = pytest.mark.skipif(
    not os.access(FREEZER, os.W_OK), reason="needs root and the freezer of cgroup v1"
)


class Freezer:
    """A control group to freeze processes in."""

    def __init__(self, group: Path) -> None:
        self._group = group

    def freeze(self, *pids: str) -> None:
        for pid in pids:
            (self._group / "cgroup.procs").write_text(pid)
        (self._group / "freezer.state").write_text("FROZEN")

    def thaw(self) -> None:
        (self._group / "freezer.state").write_text("THAWED")

    def empty(self) -> bool:
        return not (self._group / "cgroup.procs").read_text()


@pytest.fixture
def freezer() -> Iterator[Freezer]:
    group = FREEZER / f"atlan-{uuid4().hex}"
    group.mkdir()
    freezer = Freezer(group)
    yield freezer
    freezer.thaw()
    deadline = time.monotonic() + END_S
    while not freezer.empty() and time.monotonic() < deadline:
        time.sleep(0.01)
    group.rmdir()


@pytest.mark.parametrize("which", ["the job's own process", "a child of it"])
async def test_the_job_is_not_reported_aborted_before_all_its_processes_are_gone(
    own_node: Node, begun: Path, freezer: Freezer, which: str
) -> None:
    """The receipt shows how many are left, the worker goes on, and at last the job is aborted."""
    await own_node.alone()
    job, (own, child) = await begin(own_node, begun)
    freezer.freeze(child if which == "a child of it" else own)
    await own_node.abort(job, "grace_s=0")
    await survives(own_node, job)
    assert (await own_node.job(job))["status"] == "running"
    assert not Path(f"{begun}.undone").exists()
    for _ in range(own_node.workers):
        assert (await own_node.outcome("echo", 1))["status"] == "successful"
    Path(f"{begun}.allowed").touch()
    freezer.thaw()
    found = await own_node.job(job, wait_s=30)
    assert (found["status"], found["abort"]["survivors"]) == ("aborted", 0)
    assert found["abort"]["processes"] == 2
    undone = Path(f"{begun}.undone")
    await eventually(lambda: undone.exists() and undone.read_text())
    assert undone.read_text().endswith(" []\n")
    await own_node.alone()


@pytest.mark.parametrize("which", ["the job's own process", "a child of it"])
async def test_a_survivor_does_not_count_for_another_job(
    own_node: Node, begun: Path, freezer: Freezer, which: str
) -> None:
    """A job that dies of SIGTERM leaves orphans next to the frozen process; only those are its."""
    await own_node.alone()
    job, (own, child) = await begin(own_node, begun)
    freezer.freeze(child if which == "a child of it" else own)
    await own_node.abort(job, "grace_s=0")
    await survives(own_node, job)
    file = begun.with_name("other")
    other = await own_node.submit("hard", {"file": str(file), "way": "default"})
    await eventually(file.exists)
    status, other = await own_node.abort(other, "grace_s=5&wait=30")
    assert (status, other["abort"]["survivors"], other["abort"]["processes"]) == (200, 0, 2)
    assert (await own_node.job(job))["abort"]["survivors"] == 1
    Path(f"{begun}.allowed").touch()
    freezer.thaw()
    assert (await own_node.job(job, wait_s=30))["status"] == "aborted"
    await own_node.alone()


async def test_many_survivors_delay_no_other_abort(
    start_node: Nodes, begun: Path, freezer: Freezer
) -> None:
    """While threads wait for them to die, another one ends a process that dies at once."""
    node = start_node(NODE__WORKERS=MANY + 1, QUEUE__IDLE_WINDOW_S=3600)
    begins = [await begin(node, Path(f"{begun}.{number}")) for number in range(MANY)]
    other, _ = await begin(node, begun)
    freezer.freeze(*(own for _, (own, _) in begins))
    for job, _ in begins:
        await node.abort(job, "grace_s=0")
    status, other = await node.abort(other, "grace_s=0&wait=30")
    assert (status, other["abort"]["survivors"]) == (200, 0)
    receipts = [(await node.job(job))["abort"] for job, _ in begins]
    assert [receipt["survivors"] for receipt in receipts] == [None] * MANY, "they are waited for"
    freezer.thaw()


async def test_a_node_with_survivors_can_be_drained(
    start_node: Nodes, begun: Path, freezer: Freezer
) -> None:
    """It has done what it can, and its operator does not want to wait for a broken drive."""
    node = start_node()
    job, (own, _) = await begin(node, begun)
    freezer.freeze(own)
    await node.abort(job, "grace_s=0")
    await survives(node, job)
    assert node.drain() == 0
    freezer.thaw()
    await node.gone(within_s=END_S)


async def begin(node: Node, begun: Path) -> tuple[Body, list[str]]:
    """Start a job; it, and the numbers of its process and its child."""
    job = await node.submit("undone_when_allowed", {"file": str(begun)})
    await eventually(lambda: begun.exists() and begun.read_text())
    return job, begun.read_text().split()


async def survives(node: Node, job: Body) -> None:
    """Wait until the receipt shows one survivor."""

    async def survivors() -> bool:
        return bool((await node.job(job))["abort"]["survivors"] == 1)

    await eventually(survivors, within_s=VERIFY_S)
