"""An idle pool process that dies just as it gets a job: the job runs in another one.

It may be the machine, out of memory, or a person. The process had not begun the job.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from tests.support.eventually import eventually
from tests.support.nodes import Node
from tests.support.process_table import proc_file, states


async def test_a_job_that_its_process_never_began_runs_in_another(own_node: Node) -> None:
    """Nothing would ever end it otherwise: no frame comes, and no further sign of death."""
    job = await _given_to_a_stopped_process(own_node)
    _signal_idle(own_node, signal.SIGKILL)
    found = await own_node.job(job, wait_s=30)
    assert (found["status"], found["result"]) == ("successful", 1), found


async def test_one_that_is_aborted_meanwhile_does_not_wait_for_a_dead_process(
    own_node: Node,
) -> None:
    """The grace period is for handlers that clean up; here none runs."""
    job = await _given_to_a_stopped_process(own_node)
    await own_node.abort(job, "grace_s=1000")
    _signal_idle(own_node, signal.SIGKILL)
    found = await own_node.job(job, wait_s=30)
    assert found["status"] == "aborted", found
    assert found["abort"]["survivors"] == 0


async def _given_to_a_stopped_process(node: Node) -> Any:  # noqa: ANN401 - JSON
    """A job that is running, though its process has not taken it."""
    await node.outcome("echo", 0)
    _signal_idle(node, signal.SIGSTOP)
    job = await node.submit("echo", 1)

    async def is_running() -> bool:
        return bool((await node.job(job))["status"] == "running")

    await eventually(is_running)
    return job


def _signal_idle(node: Node, signal_: signal.Signals) -> None:
    """Signal each pool process of the node."""
    parents = {pid: parent for pid, (_, parent) in states().items()}
    [fork_server] = [
        pid
        for pid in node.processes()
        if b"multiprocessing.forkserver" in proc_file(pid, "cmdline")
        and parents.get(pid) == node.process.pid
    ]
    for pid, parent in parents.items():
        if parent == fork_server:
            with suppress(ProcessLookupError):
                os.kill(pid, signal_)
