"""A node starts only where its receipts can be true: it sees, signals and adopts all processes."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest

from tests.integration.deployed.machines import (
    Refusal,
    in_namespace,
    launcher,
    refused,
    refused_after,
    without_call,
)
from tests.support.effort import variants
from tests.support.eventually import eventually
from tests.support.nodes import Node
from tests.support.process_table import command_of

PR_SET_CHILD_SUBREAPER = 36
LESS = ("--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", "--regid=65534", "--clear-groups")
"""Of `setpriv`: as any user but root, who sees all processes."""
UNABLE = ("--bounding-set=-kill", "--inh-caps=-kill")
"""As any user but root, who may signal all processes."""


def says(refusal: Refusal, *parts: str) -> None:
    """It is refused in one line that has these parts."""
    assert refusal.status == 2, refusal
    (line,) = refusal.lines
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("call", "error"),
    variants(
        [("pidfd_open", errno.ENOSYS), ("pidfd_send_signal", errno.EPERM)],
        long=[("pidfd_open", errno.EPERM), ("pidfd_send_signal", errno.ENOSYS)],
    ),
)
async def test_a_filter_that_forbids_to_signal_by_descriptor_is_named(
    tmp_path: Path, call: str, error: int
) -> None:
    """Else aborts would stop processes, and never kill them."""
    refusal = await refused_after(without_call(call, error), tmp_path)
    says(refusal, "pidfd_open", os.strerror(error), "seccomp")


async def test_a_filter_that_forbids_signals_is_named(tmp_path: Path) -> None:
    """A process that forks all the time is stopped with its group, or not at all."""
    says(await refused_after(without_call("kill", errno.EPERM), tmp_path), "kill", "seccomp")


async def test_a_filter_that_forbids_to_adopt_orphans_is_named(tmp_path: Path) -> None:
    """A process that detaches itself would leave the tree of its job."""
    forbidden = without_call("prctl", errno.EPERM, argument=PR_SET_CHILD_SUBREAPER)
    says(await refused_after(forbidden, tmp_path), "PR_SET_CHILD_SUBREAPER", "seccomp")


@pytest.mark.parametrize("hidepid", variants(["2", "4"], long=["1"]))
def test_a_proc_that_hides_processes_is_refused(tmp_path: Path, hidepid: str) -> None:
    """A set-uid program of a job would look dead, and a receipt would say so."""
    hidden = in_namespace(f"mount -t proc -o hidepid={hidepid} proc /proc")
    says(refused([*hidden, "setpriv", *LESS], tmp_path), "hidepid=", "ProtectProc=default")


def test_a_proc_of_other_processes_is_refused(tmp_path: Path) -> None:
    """Numbers there are not the numbers here: a node would end strangers, or nothing."""
    other = in_namespace(options=("--pid", "--fork"))
    says(refused(other, tmp_path), "another pid namespace")


def test_without_proc_a_start_is_refused(tmp_path: Path) -> None:
    """Nothing can be seen there."""
    empty = in_namespace("mount -t tmpfs none /proc")
    says(refused(empty, tmp_path), "/proc")


@pytest.mark.parametrize("options", ["hidepid=2", "subset=pid"])
async def test_where_nothing_is_hidden_from_the_node_it_starts(
    tmp_path: Path, options: str
) -> None:
    """Root sees all processes, and all that a node needs is below their numbers."""
    mounted = in_namespace(f"mount -t proc -o {options} proc /proc")
    node = Node(tmp_path, {"NODE__WORKERS": 1}, program=launcher(mounted, tmp_path))
    try:
        assert (await node.outcome("echo", 7))["result"] == 7
        begun = tmp_path / "begun"
        job = await node.submit("brief", {"for_s": 1000, "begun": str(begun)})
        await eventually(begun.exists)
        assert (await node.abort(job))[1]["abort"]["survivors"] == 0
    finally:
        node.close()


async def test_a_program_that_gained_other_rights_is_counted_as_long_as_it_lives(
    tmp_path: Path,
) -> None:
    """The node may not kill a set-uid program: then the receipt says that one survives."""
    before = in_namespace("true")
    program = launcher([*before, "setpriv", *UNABLE], tmp_path)
    node = Node(tmp_path, {"NODE__WORKERS": 1}, program=program)
    try:
        begun = tmp_path / "begun"
        job = await node.submit("gain_rights", {"for_s": 1000, "begun": str(begun)})
        await eventually(begun.exists)
        await node.abort(job, "grace_s=0")

        async def survives() -> bool:
            stopping = await node.job(job)
            assert stopping["status"] == "running", stopping
            return bool(stopping["abort"]["survivors"] == 1)

        await eventually(survives, within_s=60)
        assert (await node.outcome("echo", 7))["result"] == 7
        await asyncio.sleep(5)
        assert await survives()
        (left,) = (pid for pid in node.processes() if command_of(pid).startswith("sleep "))
        os.kill(left, signal.SIGKILL)
        dead = await node.job(job, wait_s=60)  # it is looked for less and less often
        assert (dead["status"], dead["abort"]["survivors"]) == ("aborted", 0)
        assert dead["abort"]["latency_ms"] > 5000
    finally:
        node.close()
