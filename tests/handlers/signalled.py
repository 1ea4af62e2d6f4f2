"""Handlers for signals that come from elsewhere than from the node."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from scheduler import handler


@handler("until_async")
async def until_async(data: Any) -> Any:
    """Make a file, and wait until it is removed."""
    file = Path(data["file"])
    file.touch()
    while file.exists():  # noqa: ASYNC110 - the file is what a test can remove
        await asyncio.sleep(0.01)


@handler("until_failing")
def until_failing(data: Any) -> Any:
    """Make a file, wait until it is removed, and fail."""
    file = Path(data["file"])
    file.touch()
    while file.exists():
        time.sleep(0.01)
    raise ValueError("a fault of its own")


@handler("wait_for_program")
def wait_for_program(data: Any, job: Any) -> Any:
    """In the first attempt, wait for a program that runs for long."""
    Path(data["file"]).touch()
    if job.attempt == 1:
        subprocess.run(["sleep", "1000"], check=True)


@handler("signal_own")
def signal_own(data: Any) -> Any:
    """Exit statuses of what this job starts and then signals."""
    return [_status(data, signal_) for signal_ in (signal.SIGTERM, signal.SIGHUP)]


def _status(way: str, signal_: signal.Signals) -> int | None:
    if way == "program":
        program = subprocess.Popen(["sleep", "1000"])
        program.send_signal(signal_)
        return program.wait()
    fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    fork.start()
    assert fork.pid is not None
    os.kill(fork.pid, signal_)
    fork.join()
    return fork.exitcode


@handler("gain_rights")
def gain_rights(data: Any) -> Any:
    """Start a program as another user, as a set-uid program would run, and wait for it."""
    program = subprocess.Popen(["sleep", str(data["for_s"])], user=65534)
    Path(data["begun"]).touch()
    program.wait()
