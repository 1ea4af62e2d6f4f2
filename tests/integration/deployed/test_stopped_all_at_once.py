"""Signals to the node and to all of its processes at once, as service managers send them.

systemd (`KillMode=control-group`, its default), supervisord (`stopasgroup`), a terminal that is
closed. The node drains as if it alone had got the signal.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.effort import variants
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.process_table import command_of

ALL = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FAR = 3600


def signal_all(node: Node, signal_: signal.Signals) -> None:
    """As systemd does: the main process first, then all others of the group."""
    others = [pid for pid in node.processes() if pid != node.process.pid]
    for pid in (node.process.pid, *others):
        with suppress(ProcessLookupError):
            os.kill(pid, signal_)


async def began(node: Node, task: str, file: Path) -> Body:
    job = await node.submit(task, {"file": str(file)})
    await eventually(file.exists)
    return job


@pytest.mark.parametrize(
    ("task", "signal_"),
    variants(
        [("until", signal.SIGTERM), ("until_async", signal.SIGINT)],
        long=[("until", signal.SIGINT), ("until_async", signal.SIGTERM)],
    ),
)
async def test_jobs_drain_when_all_processes_get_the_signal(
    start_node: Nodes, begun: Path, task: str, signal_: signal.Signals
) -> None:
    """They get drain_s to finish; a signal to their process must not end them before."""
    node = start_node(NODE__WORKERS=2, NODE__DRAIN_S=60, QUEUE__IDLE_WINDOW_S=FAR)
    job = await began(node, task, begun)
    signal_all(node, signal_)
    await eventually(lambda: _is_draining(node))
    assert (await node.job(job))["status"] == "running"
    begun.unlink()
    assert node.ended() == 0
    await node.gone(within_s=60)
    assert "Traceback" not in node.log

    again = start_node(QUEUE__IDLE_WINDOW_S=FAR)
    ended = await again.job(job)
    assert (ended["status"], ended["attempt"]) == ("successful", 1), ended


async def test_a_hangup_of_all_processes_loads_handlers_anew_and_ends_nothing(
    start_node: Nodes, begun: Path
) -> None:
    """`systemctl kill -s HUP` sends it to all of them."""
    node = start_node(NODE__WORKERS=2)
    job = await began(node, "until", begun)
    signal_all(node, signal.SIGHUP)
    await eventually(lambda: '"the handlers are loaded anew"' in node.log, within_s=60)
    assert (await node.job(job))["status"] == "running"
    begun.unlink()
    ended = await node.job(job, wait_s=30)
    assert (ended["status"], ended["attempt"]) == ("successful", 1), ended


async def test_what_outlasts_the_drain_goes_back_to_the_queue(
    start_node: Nodes, begun: Path
) -> None:
    """The node's own stop still makes the handler unwind."""
    node = start_node(NODE__WORKERS=1, NODE__DRAIN_S=0.5, ABORT__GRACE_S=20)
    job = await began(node, "until", begun)
    signal_all(node, signal.SIGTERM)
    assert node.ended() == 0
    begun.unlink()
    again = start_node()
    await eventually(begun.exists)
    begun.unlink()
    ended = await again.job(job, wait_s=30)
    assert (ended["status"], ended["attempt"]) == ("successful", 2), ended


async def test_a_job_whose_program_was_stopped_as_well_runs_again(
    start_node: Nodes, begun: Path
) -> None:
    """Its failure is no fault of its own, and a stop of the service loses no job."""
    node = start_node(NODE__WORKERS=1, NODE__DRAIN_S=60)
    job = await began(node, "wait_for_program", begun)
    signal_all(node, signal.SIGTERM)
    assert node.ended() == 0
    assert "a job failed while its node drains" in node.log
    begun.unlink()
    again = start_node()
    ended = await again.job(job, wait_s=30)
    assert (ended["status"], ended["attempt"]) == ("successful", 2), ended


async def test_a_job_that_fails_by_itself_while_its_node_drains_has_failed(
    start_node: Nodes, begun: Path
) -> None:
    """Run again, it would fail again, and do twice what it did before that."""
    node = start_node(NODE__WORKERS=1, NODE__DRAIN_S=60)
    job = await began(node, "until_failing", begun)
    os.kill(node.process.pid, signal.SIGTERM)
    await eventually(lambda: _is_draining(node))
    begun.unlink()
    assert node.ended() == 0
    ended = await start_node().job(job, wait_s=30)
    assert (ended["status"], ended["attempt"]) == ("terminated", 1), ended


async def test_a_signal_to_the_process_of_a_job_alone_ends_nothing(
    start_node: Nodes, begun: Path
) -> None:
    """Only its node stops a job, and it says so to the process before it sends the signal."""
    node = start_node(NODE__WORKERS=1)
    job = await began(node, "until", begun)
    for signal_ in ALL:
        for pid in node.processes():
            if "multiprocessing" in command_of(pid):
                os.kill(pid, signal_)
    begun.unlink()
    ended = await node.job(job, wait_s=30)
    assert ended["status"] == "successful", ended
    stopped = await began(node, "until", begun)
    assert (await node.abort(stopped, "grace_s=20&wait=30"))[1]["abort"]["signal"] == "SIGTERM"
    await node.alone()


async def test_what_a_job_starts_heeds_signals_as_in_any_program(start_node: Nodes) -> None:
    """`terminate` and Ctrl-C end programs and forks, whatever their parent passes over."""
    node = start_node(NODE__WORKERS=1)
    for way in ("program", "fork"):
        job = await node.outcome("signal_own", way)
        assert job["result"] == [-signal.SIGTERM, -signal.SIGHUP], (way, job)


async def test_hangups_never_hasten_the_end(start_node: Nodes, begun: Path) -> None:
    """Systemd sends SIGHUP right after the other signal (`SendSIGHUP=yes`)."""
    node = start_node(NODE__WORKERS=1, NODE__DRAIN_S=60)
    await began(node, "until", begun)
    for signal_ in (signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
        signal_all(node, signal_)
    await eventually(lambda: _is_draining(node))
    begun.unlink()
    assert node.ended() == 0


async def _is_draining(node: Node) -> bool:
    status, answer = await node.call("GET", "/-/ready")
    return status == 503 and "draining" in str(answer)
