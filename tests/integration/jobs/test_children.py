"""Jobs that submit jobs, from inside of their handlers, on real nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.effort import rounds, variants
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes


async def test_a_handler_and_what_it_starts_find_their_job_and_their_node(node: Node) -> None:
    """So code that submits jobs can be moved into a handler as it is."""
    job = await node.outcome("named")
    assert job["result"] == [[job["id"], node.url]] * 2
    job = await node.outcome("async_named")
    assert job["result"] == [job["id"], node.url]


async def test_a_node_that_listens_everywhere_is_found_on_this_machine(start_node: Nodes) -> None:
    node = start_node(HTTP__HOST="0.0.0.0", AUTH__INSECURE=True)  # noqa: S104 - as in a container
    (_, url), _ = (await node.outcome("named"))["result"]
    assert url == node.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104


async def test_a_clean_up_finds_its_node_and_no_job(node: Node, tmp_path: Path) -> None:
    """What it submits belongs to the undoing: an abort of the job must not take it along."""
    file = tmp_path / "file"
    job = await node.submit("named_undo", {"file": str(file)})
    await eventually(file.exists)
    await node.abort(job)
    undone = tmp_path / "file.undone"
    await eventually(undone.exists)
    await eventually(lambda: undone.read_text() == repr([None, node.url]))


async def test_jobs_know_the_job_that_submitted_them(node: Node) -> None:
    """By the client and by the command line; the handler says nothing of it."""
    job = await node.outcome("submit", ["echo", "told"])

    children = [await node.job({"uid": "u1", "id": each}) for each in job["result"]]
    assert [child["parent"] for child in children] == [job["id"]] * 3
    assert job["parent"] is None
    listed = (await node.call("GET", f"/u1?parent={job['id']}"))[1]
    assert sorted(each["id"] for each in listed) == sorted(job["result"])


async def test_an_abort_with_children_ends_a_family_that_keeps_growing(start_node: Nodes) -> None:
    """Handlers submit while the abort goes on: nothing of it may be left, nor come later."""
    node = start_node(NODE__WORKERS=4)
    job = await node.submit("breed")
    await eventually(lambda: _has_children(node, job, at_least=rounds(20, long=50)))

    status, aborted = await node.abort(job, "children=true&wait=30&grace_s=0")
    assert (status, aborted["status"]) == (200, "aborted")

    await eventually(lambda: _all_over(node), within_s=60)
    _, jobs = await node.call("GET", "/u1?limit=1000&status=successful,terminated")
    # A running one may have met the refusal before its own abort.
    assert {each["error"]["type"] for each in jobs} <= {"atlanscheduler_client.problems.Problem"}


async def test_a_parent_that_waits_for_its_child_is_aborted_before_it(
    node: Node, tmp_path: Path
) -> None:
    """Else it would fail of its child's abort, and its user be told that it had ended before."""
    for number in range(5):
        file = tmp_path / str(number)
        job = await node.submit("submit_and_wait", ["wait", {"file": str(file)}])
        await eventually(file.exists)

        status, aborted = await node.abort(job, "children=true&wait=30")

        assert (status, aborted["status"]) == (200, "aborted")
        _, (child,) = await node.call("GET", f"/u1?parent={job['id']}")
        assert (await node.job(child, wait_s=30))["status"] == "aborted"


@pytest.mark.parametrize("workers", variants([2], long=[1]))
async def test_a_node_whose_jobs_all_wait_for_their_children_says_so_once(
    start_node: Nodes, workers: int
) -> None:
    """It stands still for all users, and nothing else shows why."""
    node = start_node(NODE__WORKERS=workers)
    for _ in range(2):
        # Together: the child of one must not get the slot of the next.
        order = [
            {"uid": "u1", "task": "submit_and_wait", "data": ["echo", n]} for n in range(workers)
        ]
        before = len(_warnings(node))
        _, jobs = await node.call("POST", "/", order)
        await eventually(lambda: len(_warnings(node)) > before, within_s=60)  # noqa: B023
        assert _warnings(node)[-1]["jobs"] == sorted(job["id"] for job in jobs)
        assert "more workers" in _warnings(node)[-1]["event"]
        assert (await node.call("GET", "/-/ready"))[0] == 200
        for job in jobs:
            await node.abort(job)
        await eventually(lambda: _all_over(node))
    assert len(_warnings(node)) == 2


async def _has_children(node: Node, job: Any, *, at_least: int) -> bool:  # noqa: ANN401 - JSON
    _, listed = await node.call("GET", f"/u1?parent={job['id']}&limit=1000")
    return len(listed) >= at_least


async def _all_over(node: Node) -> bool:
    _, listed = await node.call("GET", "/u1?status=queued,running")
    return not listed


def _warnings(node: Node) -> list[Any]:
    lines = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
    return [line for line in lines if "queued children" in line["event"]]
