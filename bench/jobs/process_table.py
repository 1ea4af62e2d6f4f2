"""Finds processes by a variable in their environment, without help from our scheduler.

Standard library only: the peers' virtual environments load this too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

RUN_MARK: Final = "BENCH_RUN"
"""The environment variable of every process that a run starts, directly or not."""
JOB_MARK: Final = "BENCH_JOB"
"""The environment variable of every process that a job starts."""
DEAD: Final = ("", "Z", "X")
"""States of a process that no longer runs: gone, or waiting to be reaped."""
GONE: Final = ("",)
POLL_S: Final = 0.0002
"""The polling interval: far below the milliseconds that are measured."""


def marked(name: str, value: str) -> list[int]:
    """The running processes with this variable in their environment, except this one."""
    mark = f"{name}={value}".encode()
    return [pid for pid in _pids() if mark in _environ(pid).split(b"\0") and pid != os.getpid()]


def end_marked(name: str, value: str) -> None:
    """Kill all processes with this variable, until none is left."""
    while pids := marked(name, value):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def state(pid: int) -> str:
    """The state of a process: R, S, …, Z for a zombie; empty where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return stat[stat.rindex(")") + 2]


def wait_for_state(pid: int, states: Container[str], *, within_s: float) -> None:
    """Wait until a process is in one of these states.

    Raises:
        TimeoutError: it did not reach one in time.
    """
    deadline = time.monotonic() + within_s
    while (found := state(pid)) not in states:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} is in state {found!r} after {within_s} s")
        time.sleep(POLL_S)


def survivors(mark: str, *, within_s: float) -> int:
    """How many processes of a job are alive after this time; 0 as soon as none is."""
    deadline = time.monotonic() + within_s
    while (living := len(marked(JOB_MARK, mark))) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return living


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environ(pid: int) -> bytes:
    """The environment it was started with; empty where it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
