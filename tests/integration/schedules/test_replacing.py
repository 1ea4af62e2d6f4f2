"""A job that replaces another one begins once that is proven dead, and undone."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes

PATH = "/-/schedules/u1/often"
PERIODS = 3


async def jobs_of(node: Node) -> list[Body]:
    _, found = await node.call("GET", "/u1?limit=100")
    return [job for job in found if job["schedule"] == "often"]


@pytest.mark.timeout(180)
async def test_no_two_jobs_live_at_once_though_they_ignore_sigterm(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Each holds a lock as long as any process of it lives: nobody finds it held."""
    node = start_node(NODE__WORKERS=4)
    folder = tmp_path / "jobs"
    (folder / "locks").mkdir(parents=True)
    data = {"folder": str(folder), "n": 1, "manner": "stubborn", "for_s": 60, "places": 1}
    order = {"task": "guarded", "every_s": 2, "overlap": "replace", "data": data}
    status, found = await node.call("PUT", PATH, order)
    assert status == 201, found

    async def replaced() -> bool:
        aborted = [job for job in await jobs_of(node) if job["status"] == "aborted"]
        return len([job for job in aborted if job["attempt"]]) >= PERIODS

    await eventually(replaced, within_s=60)
    await node.call("PUT", PATH, {**order, "paused": True})
    await node.call("DELETE", "/u1")
    await eventually(lambda: _all_over(node), within_s=60)

    begun = sorted(
        (job for job in await jobs_of(node) if job["attempt"]), key=lambda job: job["started_at"]
    )
    assert len(begun) >= PERIODS
    for old, new in pairwise(begun):
        assert old["abort"]["survivors"] == 0
        ended, started = (
            datetime.fromisoformat(each) for each in (old["finished_at"], new["started_at"])
        )
        assert ended <= started, "the new one begins before the old one is proven dead"
    assert not (folder / "crowds").exists(), "two of them lived at once"
    assert not (folder / "overlaps").exists(), "a clean-up began beside its job"
    undone = (folder / "undone").read_text().splitlines()
    assert {job["id"] for job in begun} <= set(undone)
    reasons = {job["abort"]["reason"] for job in begun[:-1]}
    assert reasons == {"replaced by the next job of its schedule"}


async def _all_over(node: Node) -> bool:
    return all(
        job["status"] == "aborted" and job["abort"]["cleanup"] in {None, "done"}
        for job in await jobs_of(node)
    )


async def test_the_handler_is_told_for_which_time_it_runs(start_node: Nodes) -> None:
    """It may run later: a report on a day goes by that."""
    node = start_node(NODE__WORKERS=1)
    await node.call("PUT", PATH, {"task": "steady", "every_s": 1, "overlap": "allow"})

    async def some() -> bool:
        return any(job["status"] == "successful" for job in await jobs_of(node))

    await eventually(some, within_s=30)
    for job in await jobs_of(node):
        if job["status"] == "successful":
            told = datetime.fromisoformat(job["result"])
            assert told == datetime.fromisoformat(job["scheduled_for"])
            assert told.microsecond == 0
