"""The warden's process, with the process of the tests as its node, and its restart."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from scheduler.processes.warden.cookie import DATA_DIR, NODE, SCRATCH, end_all
from scheduler.processes.warden.handle import open_warden
from scheduler.processes.warden.watch import MESSAGE, SHUTDOWN
from tests.support.eventually import eventually
from tests.support.process_table import living
from tests.support.refusal import refuse_once

END_S: Final = 10
FORK_SERVER: Final = """
import subprocess, sys, time
from scheduler.processes.child.containment import adopt_orphans
adopt_orphans()
job = subprocess.Popen(['sleep', '1000'], env={'PATH': '/bin:/usr/bin'}, start_new_session=True)
print(job.pid, flush=True)
job.wait()
print('over', flush=True)
time.sleep(1000)
"""
"""A fork server with one job below it, which cleared its environment; prints when it is gone."""


class Ward:
    """A warden, and the processes that it may have to end."""

    def __init__(self, folder: Path, stack: list[subprocess.Popen[bytes]]) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self._stack = stack
        self.warden = self.start("node-1", "-m", "scheduler.processes.warden.watch")
        self.fork_server = self.start("node-1", "-c", FORK_SERVER)
        self.job = int(line_of(self.fork_server))

    def start(
        self, node_id: str, *arguments: str, folder: str | None = None
    ) -> subprocess.Popen[bytes]:
        cookies = {NODE: node_id, DATA_DIR: folder or str(self.folder), SCRATCH: str(self.scratch)}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **cookies},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._stack.append(process)
        return process

    def send(self, message: float) -> None:
        assert self.warden.stdin is not None
        self.warden.stdin.write(MESSAGE.pack(message))
        self.warden.stdin.flush()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    stack: list[subprocess.Popen[bytes]] = []
    ward = Ward(tmp_path, stack)
    yield ward
    for process in stack:
        with process:
            process.kill()
    if living([ward.job]):
        os.kill(ward.job, signal.SIGKILL)


def line_of(process: subprocess.Popen[bytes]) -> str:
    """The next line that a process prints; empty where it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def answers_of(warden: subprocess.Popen[bytes], number: int) -> list[float]:
    """So many answers of a warden."""
    assert warden.stdout is not None
    return [MESSAGE.unpack(warden.stdout.read(MESSAGE.size))[0] for _ in range(number)]


def test_when_the_node_dies_all_that_it_started_is_ended(ward: Ward) -> None:
    """The pipe closes when the node dies, whatever killed it."""
    bystander = ward.start("node-11", "-c", "input()")
    assert ward.warden.stdin is not None
    ward.warden.stdin.close()
    assert ward.warden.wait(END_S) == 0
    assert ward.fork_server.wait(END_S) == -signal.SIGKILL
    assert not living([ward.job])
    assert bystander.poll() is None
    assert not ward.scratch.exists()


def test_when_the_deadline_passes_the_jobs_are_ended(ward: Ward) -> None:
    """A stopped or starved node cannot end them itself; it needs its fork server afterwards."""
    ward.send(time.monotonic())
    assert line_of(ward.fork_server) == "over"
    assert ward.fork_server.poll() is ward.warden.poll() is None


def test_a_deadline_that_is_moved_in_time_ends_nothing(ward: Ward) -> None:
    """Each renewal of the lease moves it; only the last message counts."""
    ward.send(time.monotonic() + 0.3)
    ward.send(time.monotonic() + 1000)
    with pytest.raises(subprocess.TimeoutExpired):
        ward.warden.wait(0.6)
    assert living([ward.job])


def test_a_deadline_is_taken_once_what_was_ended_before_is_dead(ward: Ward) -> None:
    """From then on jobs may begin again."""
    late, later = time.monotonic(), time.monotonic() + 1000
    ward.send(late)
    assert line_of(ward.fork_server) == "over"
    ward.send(later)
    assert answers_of(ward.warden, 2) == [late, later]


def test_a_shutdown_ends_what_jobs_left_and_the_warden(ward: Ward) -> None:
    """A drained node leaves no process behind; its own children close by themselves."""
    ward.send(SHUTDOWN)
    assert ward.warden.wait(END_S) == 0
    assert line_of(ward.fork_server) == "over"
    assert ward.fork_server.poll() is None


def test_no_signal_from_a_terminal_ends_the_warden(ward: Ward) -> None:
    """It must outlive its node: else nothing ends the jobs when the node dies."""
    ward.send(time.monotonic())
    assert line_of(ward.fork_server) == "over"  # so the warden is up
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        ward.warden.send_signal(signal_)
    ward.send(SHUTDOWN)
    assert ward.warden.wait(END_S) == 0


def test_the_next_node_of_a_folder_ends_what_the_last_one_left(ward: Ward) -> None:
    """Whatever the id of that node; but nothing of a folder whose name only begins the same."""
    neighbour = ward.start("node-1", "-c", "input()", folder=f"{ward.folder} 2")
    other = ward.start("node-2", "-c", "input()")
    ward.warden.kill()
    ward.warden.wait(END_S)
    end_all(DATA_DIR, str(ward.folder))
    assert ward.fork_server.wait(END_S) == other.wait(END_S) == -signal.SIGKILL
    assert not living([ward.job])
    assert neighbour.poll() is None


@pytest.fixture
def cookies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process the node."""
    monkeypatch.setenv(NODE, "node-1")
    monkeypatch.setenv(DATA_DIR, str(tmp_path))
    monkeypatch.setenv(SCRATCH, str(tmp_path / "scratch"))


@pytest.mark.usefixtures("cookies")
async def test_a_stopped_warden_does_not_delay_a_drain() -> None:
    """A job may have stopped it: both run as the same user."""
    async with open_warden(random=Random(1)) as warden:  # noqa: S311 - spreads backoffs
        warden._process.send_signal(signal.SIGSTOP)
    assert warden._process.returncode == 0


@pytest.mark.usefixtures("cookies")
async def test_a_machine_out_of_pids_only_delays_the_next_warden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the node would end, with all its jobs, only because it has no warden."""
    async with open_warden(random=Random(1)) as warden:  # noqa: S311 - spreads backoffs
        first = warden._process
        refusals = refuse_once(monkeypatch, "asyncio.create_subprocess_exec")
        first.kill()
        await eventually(lambda: warden._process is not first)
        assert not refusals


@pytest.mark.usefixtures("cookies")
@pytest.mark.parametrize("signal_", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_warden_that_is_stopped_or_dies_delays_no_job_for_ever(
    signal_: signal.Signals,
) -> None:
    """After a lost lease, jobs begin once it has ended what it ends; a job may signal it."""
    async with open_warden(random=Random(1)) as warden:  # noqa: S311 - spreads backoffs
        warden.hold(time.monotonic() + 1000)
        warden._process.send_signal(signal_)
        warden.hold(time.monotonic() + 2000)
        async with asyncio.timeout(END_S):
            await warden.calm()


@pytest.mark.usefixtures("cookies")
async def test_nothing_is_waited_for_where_jobs_have_no_deadline() -> None:
    """A node with a store of its own sends none."""
    async with open_warden(random=Random(1)) as warden:  # noqa: S311 - spreads backoffs
        await warden.calm()
