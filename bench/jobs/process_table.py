"""The process table as the benchmark sees it: by a variable in the environment, not by our product.

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

RUN: Final = "BENCH_RUN"
"""In the environment of all that a run of the benchmark starts, however far down."""
JOB: Final = "BENCH_JOB"
"""In the environment of all that a job of the benchmark starts."""
DEAD: Final = ("", "Z", "X")
"""States of a process that runs no more: gone, or waiting to be reaped."""
GONE: Final = ("",)
LOOK_S: Final = 0.0002
"""Between two looks: far below the milliseconds that are measured."""


def marked(name: str, value: str) -> list[int]:
    """The processes that carry this variable and run; not ourselves."""
    mark = f"{name}={value}".encode()
    return [pid for pid in _pids() if mark in _environ(pid).split(b"\0") and pid != os.getpid()]


def end_marked(name: str, value: str) -> None:
    """Kill all that carry this variable, until none is left."""
    while pids := marked(name, value):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def state(pid: int) -> str:
    """What the process table says of it: R, S, …, Z for a zombie; nothing where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return stat[stat.rindex(")") + 2]


def await_state(pid: int, states: Container[str], *, within_s: float) -> None:
    """Wait until a process is in one of these states.

    Raises:
        TimeoutError: it is not.
    """
    deadline = time.monotonic() + within_s
    while (found := state(pid)) not in states:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} is in state {found!r} after {within_s} s")
        time.sleep(LOOK_S)


def survivors(cookie: str, *, within_s: float) -> int:
    """How many processes of a job are there after this time; 0 as soon as none is."""
    deadline = time.monotonic() + within_s
    while (living := len(marked(JOB, cookie))) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return living


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environ(pid: int) -> bytes:
    """The environment it was started with; nothing where it is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
