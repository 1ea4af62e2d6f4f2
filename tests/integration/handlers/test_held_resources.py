"""What a job holds when it ends is released: files, locks, transactions, memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node

KINDS = ["lock", "transaction"]
WAYS = [
    "raised",
    "raised from",
    "raised meanwhile",
    "raised in a group",
    "kept in a local",
    "kept in a module",
    "kept by a cycle",
    "returned with a cycle",
    "returned with an error",
    "kept by a generator",
]


async def check_free(node: Node, kind: str, place: Path) -> None:
    """A job on each of two slots gets what another job held: one of them runs in its process."""
    data = {"kind": kind, "place": str(place)}
    for _ in range(2):
        jobs = [await node.submit("take_it", data) for _ in range(2)]
        for job in jobs:
            found = await node.job(job, wait_s=60)
            assert found["status"] == "successful", found["error"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [*WAYS, "raised in a loop", "raised in a task"])
async def test_a_plain_handler_holds_nothing_when_it_has_ended(
    own_node: Node, tmp_path: Path, kind: str, how: str
) -> None:
    """Other jobs would wait for an idle process, for ever."""
    place = tmp_path / "place"
    await own_node.outcome("hold", {"kind": kind, "place": str(place), "how": how})
    await check_free(own_node, kind, place)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", WAYS)
async def test_an_async_handler_holds_nothing_when_it_has_ended(
    own_node: Node, tmp_path: Path, kind: str, how: str
) -> None:
    """Its task and its event loop know the exception too."""
    place = tmp_path / "place"
    await own_node.outcome("hold_async", {"kind": kind, "place": str(place), "how": how})
    await check_free(own_node, kind, place)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["hold_until_aborted", "hold_until_aborted_async"])
async def test_an_aborted_job_holds_nothing(
    own_node: Node, tmp_path: Path, begun: Path, kind: str, task: str
) -> None:
    """The user that aborts a job wants what it holds."""
    place = tmp_path / "place"
    job = await own_node.submit(task, {"kind": kind, "place": str(place), "file": str(begun)})
    await eventually(begun.exists)
    await own_node.abort(job, "grace_s=5&wait=30")
    await check_free(own_node, kind, place)
