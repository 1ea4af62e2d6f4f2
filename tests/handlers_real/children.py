"""Child processes that the job itself terminates, as a pool does with its workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any

from scheduler import handler

LONG_S = 600
JOIN_S = 5


def exit_code(context: Any, *, at_once: bool) -> int | None:
    """Start a process, terminate it, at once or when it runs; how it ended, None if it did not."""
    running = context.Event()
    child = context.Process(target=run_long, args=(running,))
    child.start()
    if not at_once:
        running.wait()
    child.terminate()
    child.join(JOIN_S)
    code: int | None = child.exitcode
    return code


def run_long(running: Any) -> None:
    """Say that it runs, then run until terminated."""
    running.set()
    time.sleep(LONG_S)


@handler("terminate_children")
def terminate_children(data: Any) -> Any:
    """Start and terminate processes: {"start_method": "fork", "times": 10}; how they ended."""
    context = multiprocessing.get_context(data.get("start_method"))
    codes = [exit_code(context, at_once=bool(n % 2)) for n in range(data["times"])]
    return [code for code in codes if code != -signal.SIGTERM]


@handler("terminate_forks")
def terminate_forks(data: Any) -> Any:
    """Fork and terminate: {"times": 10}; the statuses of those that SIGTERM did not end."""
    ends = []
    for _ in range(data["times"]):
        child = os.fork()
        if child == 0:
            try:
                time.sleep(LONG_S)
            finally:
                os._exit(1)
        os.kill(child, signal.SIGTERM)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return [end for end in ends if end != -signal.SIGTERM]
