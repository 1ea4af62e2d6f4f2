"""What a handler writes into the pipes and sockets of its process stays without effect on others.

A handler is trusted as the node's user is. But a program that writes to a wrong descriptor, as
those do that close or reuse them by number, must not run code in the node or settle another job.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import HANDLERS, Body, Node, Nodes

MESSAGE_MAX = 1000
NOTIFY_BYTES_MAX = 64 * 1024


@pytest.fixture(name="single", scope="module")
def single_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker, whose results may not be long."""
    nodes = Nodes(tmp_path_factory.mktemp("single"))
    try:
        yield nodes(NODE__WORKERS=1, LIMITS__RESULT_BYTES_MAX=1000)
    finally:
        nodes.close()


@pytest.mark.parametrize("sockets", [False, True])
async def test_no_pickle_of_a_handler_is_read_by_the_node(
    start_node: Nodes, tmp_path: Path, *, sockets: bool
) -> None:
    """To read one is to run code, with the node's connections and secrets."""
    node = start_node(NODE__WORKERS=2)
    made = tmp_path / "made"
    job = await node.outcome("write_pickles", {"folder": str(made), "sockets": sockets})
    assert job["status"] == ("terminated" if sockets else "successful"), job
    if sockets:
        assert "wrote to a socket that is not its own" in job["error"]["message"]
    for number in range(4):
        assert (await node.outcome("echo", number))["result"] == number
    assert not made.exists()
    await node.alone()
    assert node.drain() == 0
    assert not made.exists()
    assert "Traceback" not in node.log


async def test_other_jobs_go_on_while_a_handler_writes_to_all_descriptors(
    start_node: Nodes, tmp_path: Path, begun: Path
) -> None:
    """The processes of all jobs have one parent, which has a pipe to each of them."""
    node = start_node(NODE__WORKERS=2)
    other = await node.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    await node.outcome("write_pickles", {"folder": str(tmp_path / "made"), "sockets": False})
    await node.outcome("write_pickles", {"folder": str(tmp_path / "made"), "sockets": True})
    begun.unlink()
    job = await node.job(other, wait_s=30)
    assert (job["status"], job["attempt"]) == ("successful", 1), job
    await node.alone()


async def test_a_frame_without_the_key_of_its_job_settles_nothing(single: Node) -> None:
    """Neither this job nor one that runs next in the same process."""
    node = single
    forging = await node.submit("forge_ends")
    jobs = [await node.submit("echo", number) for number in range(3)]
    ended = await node.job(forging, wait_s=30)
    assert isinstance(ended["result"], int), ended
    ends = [await node.job(job, wait_s=30) for job in jobs]
    assert [job["result"] for job in ends] == [0, 1, 2]
    assert "a frame that is not of its job" in node.log
    assert (await node.outcome("pid"))["result"] != ended["result"], "it was replaced"


async def test_a_job_that_ends_itself_early_does_not_settle_the_next_one(single: Node) -> None:
    """A job may find its own key, and so end itself; the next one has another key."""
    node = single
    taking = await node.submit("take_over")
    jobs = [await node.submit("echo", number) for number in range(3)]
    assert (await node.job(taking, wait_s=30))["result"] == "mine"
    ends = [await node.job(job, wait_s=30) for job in jobs]
    assert [job["result"] for job in ends] == [0, 1, 2], ends
    assert [job["progress"] for job in ends] == [None] * 3


async def test_progress_results_and_notifications_keep_their_limits(single: Node) -> None:
    """The node measures them itself: the store, the page and hooks rely on it."""
    node = single

    async def forged(*frames: dict[str, Any], **more: object) -> Body:
        return await node.outcome("forge_all", list(frames), **more)

    end = {"leftovers": False, "signalled": False, "progress": None, "ran_s": 0}
    large = await forged({**end, "returned": '"' + "x" * 1000 + '"'})
    assert large["status"] == "terminated", large
    assert large["result"] is None
    wide = await forged({**end, "returned": '"' + "ä" * 999 + '"'})
    assert wide["status"] == "terminated", wide

    long = {"done": 1, "total": 2, "message": "y" * 5000}
    said = await forged({"progress": long}, {**end, "returned": "1"})
    assert len(said["progress"]["message"]) <= MESSAGE_MAX
    for number in (True, 2**64 - 1):
        odd = {"done": number, "total": None, "message": None}
        counted = await forged({"progress": odd}, {**end, "returned": "1"})
        assert counted["progress"] is None, number

    told = {"notify": '"' + "z" * NOTIFY_BYTES_MAX + '"'}
    job = await forged(told, {**end, "returned": "1"}, hook="http://127.0.0.1:9/")
    _, calls = await node.call("GET", f"/{job['uid']}/{job['id']}/hooks")
    assert [call["event"] for call in calls] == ["job.ended"]

    job = await forged({"notify": "1"}, {**end, "returned": "1"})
    _, calls = await node.call("GET", f"/{job['uid']}/{job['id']}/hooks")
    assert calls == [], "it has no hook"

    long_texts = {"type": "T" * 5000, "message": "m" * 100_000, "traceback": "t" * 100_000}
    trace = {**long_texts, "retryable": True, "after_s": None}
    error = (await forged({**end, "raised": trace}))["error"]
    assert len(error["type"]) <= 1000
    assert len(error["message"]) <= 32 * 1024
    assert len(error["traceback"]) <= 33 * 1024


async def test_a_pool_process_can_write_to_nothing_but_its_own_channel_and_output(
    start_node: Nodes, tmp_path: Path
) -> None:
    """What is not there cannot be written to by mistake."""
    folder = tmp_path / "handlers"
    folder.mkdir()
    shutil.copy(HANDLERS / "intruding.py", folder)  # others make sockets of their own
    node = start_node(NODE__WORKERS=1, HANDLERS__PATH=folder)
    found = (await node.outcome("own_descriptors"))["result"]
    kinds = sorted(name.partition(":")[0] for name in found.values())
    # Two for output, one for ends, and the one whose end of file tells the fork server to end.
    assert kinds == ["pipe"] * 4 + ["socket"], found
