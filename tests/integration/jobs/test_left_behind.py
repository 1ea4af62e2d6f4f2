"""What a job leaves behind in its process does not affect the next job, of whichever user."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.nodes import Node


async def test_a_timer_ends_with_the_job_that_set_it(lone_node: Node, begun: Path) -> None:
    """Its alarm would end the next job."""
    process = (await lone_node.outcome("leave_timer"))["result"]
    job = await lone_node.outcome("brief", {"for_s": 0.5, "begun": str(begun)})
    assert job["status"] == "successful", job
    assert (await lone_node.outcome("pid"))["result"] == process


async def test_every_job_begins_with_the_same_folder_and_umask(lone_node: Node) -> None:
    """Folder and umask decide which relative paths it opens, and who may read what it writes."""
    first, second = [(await lone_node.outcome("leave_place"))["result"] for _ in range(2)]
    assert first == second


@pytest.mark.parametrize(
    ("task", "data"),
    [
        ("leave_limit", "RLIMIT_CPU"),
        ("leave_limit", "RLIMIT_NOFILE"),
        ("leave_nice", None),
        ("leave_sigterm", None),
        ("leave_raw_thread", None),
        ("leave_wild_child", None),
    ],
)
async def test_a_process_with_changed_state_runs_no_other_job(
    lone_node: Node, task: str, data: object
) -> None:
    """What cannot be restored, or still runs, ends with the process."""
    job = await lone_node.outcome(task, data)
    assert job["status"] == "successful", job
    assert (await lone_node.outcome("pid"))["result"] != job["result"]
    await lone_node.alone()


async def test_nothing_sends_messages_as_the_next_job(lone_node: Node) -> None:
    """A module may keep the context of a job that has ended."""
    left = await lone_node.outcome("leave_voice", hook="http://127.0.0.1:9/")
    job = await lone_node.outcome("wake_voice", hook="http://127.0.0.1:9/")
    assert job["result"] == left["result"], "another process would prove nothing"
    assert job["progress"] is None
    for each in (left, job):
        _, calls = await lone_node.call("GET", f"/{each['uid']}/{each['id']}/hooks")
        assert [call["event"] for call in calls] == ["job.ended"]
