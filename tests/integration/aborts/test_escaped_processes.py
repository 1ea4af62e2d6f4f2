"""Processes that left the tree of their job are ended as well."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path
from resource import RLIMIT_NOFILE, prlimit
from urllib.parse import urlsplit

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes

HOWS = ["sibling", "unadopted"]


def lives(pid: int) -> bool:
    """Whether it runs: a zombie does not, whose parent is about to reap it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@pytest.mark.parametrize("how", HOWS)
async def test_a_process_outside_of_its_jobs_tree_is_ended_by_an_abort(
    lone_node: Node, begun: Path, how: str
) -> None:
    """However it detached itself: `survivors: 0` is a promise."""
    job = await lone_node.submit(how, {"file": str(begun), "waits": True})
    await eventually(lambda: begun.exists() and begun.read_text())
    status, job = await lone_node.abort(job, "grace_s=0&wait=30")
    assert (status, job["abort"]["survivors"]) == (200, 0)
    assert not lives(int(begun.read_text()))


@pytest.mark.parametrize("how", HOWS)
async def test_a_process_outside_of_its_jobs_tree_does_not_outlive_a_job_that_returns(
    lone_node: Node, begun: Path, how: str
) -> None:
    """Nothing stops such a job, so only the regular look finds the process."""
    job = await lone_node.outcome(how, {"file": str(begun), "waits": False})
    assert job["status"] == "successful", job
    await eventually(lambda: not lives(job["result"]))
    assert (await lone_node.outcome("echo", 1))["status"] == "successful"


async def test_a_job_that_stops_the_fork_server_is_ended(node: Node, begun: Path) -> None:
    """The fork server also reports deaths: each abort and drain would wait for it for ever."""
    job = await node.submit("stop_parent", {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await node.abort(job, "grace_s=0&wait=30")
    assert (status, job["status"]) == (200, "aborted")
    assert (await node.outcome("echo", 1))["status"] == "successful"


async def test_a_job_that_dies_with_the_fork_server_is_not_reported_aborted(
    start_node: Nodes, begun: Path
) -> None:
    """Other jobs die with the fork server; nothing stopped them, and how they died is unknown."""
    node = start_node(NODE__WORKERS=2)
    neighbour = await node.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    await node.submit("kill_parent")
    job = await node.job(neighbour, wait_s=30)
    assert (job["status"], job["error"]["kind"]) == ("terminated", "crash"), job
    assert job["error"]["message"] == "the process of the job died; how is not known"
    assert (await node.outcome("echo", 1))["status"] == "successful"


async def test_a_node_without_descriptors_aborts_as_soon_as_it_has_some(
    own_node: Node, begun: Path
) -> None:
    """Clients can use them all up; then the node cannot look at processes."""
    job = await own_node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    connection = HTTPConnection(urlsplit(own_node.url).netloc)
    connection.request("GET", "/-/health")
    connection.getresponse().read()
    before = prlimit(own_node.process.pid, RLIMIT_NOFILE)
    prlimit(own_node.process.pid, RLIMIT_NOFILE, (3, before[1]))
    try:
        connection.request("DELETE", f"/{job['uid']}/{job['id']}?grace_s=0")
        assert connection.getresponse().status == 202
        await eventually(lambda: "cannot be ended yet" in own_node.log)
        assert own_node.process.poll() is None
    finally:
        prlimit(own_node.process.pid, RLIMIT_NOFILE, before)
        connection.close()
    assert (await own_node.job(job, wait_s=30))["abort"]["survivors"] == 0


async def test_a_node_raises_its_limit_of_descriptors_but_not_that_of_its_jobs(node: Node) -> None:
    """Each connection takes one, and the 1,024 of a usual shell are soon used up.

    A starting process closes as many as its limit allows, so jobs must not have more.
    """
    soft, hard = prlimit(node.process.pid, RLIMIT_NOFILE)
    assert soft == hard or soft >= 2**16
    process = (await node.outcome("pid"))["result"]
    assert prlimit(process, RLIMIT_NOFILE) == prlimit(0, RLIMIT_NOFILE)
