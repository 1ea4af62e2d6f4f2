"""The commands of each peer's module: submit, starts, work."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Final

from bench.jobs import counting, start_delay

Submit = Callable[[str, float], Awaitable[object]]
SubmitMany = Callable[[int, float], Awaitable[object]]

REDIS: Final = os.environ["BENCH_REDIS"]
POSTGRES: Final = os.environ["BENCH_POSTGRES"]
WORKERS: Final = os.environ["BENCH_WORKERS"]
JOBS: Final = {"count": counting.count, "report_delay": start_delay.report_delay}
"""By name; each takes a number."""


def main(
    submit: Submit,
    *worker: str,
    submit_many: SubmitMany | None = None,
    session: AbstractAsyncContextManager[Any] | None = None,
    copies: int = 1,
) -> None:
    """Submit jobs within a session, or become the worker.

    `submit_many` submits a backlog, for a peer that would take long to submit it job by job.
    `worker` is the module and the arguments of the peer's worker. A peer without a pool of
    processes has `copies` workers.
    """
    match sys.argv[1:]:
        case ["submit", jobs, ms]:
            submitting = (submit_many or partial(_one_by_one, submit))(int(jobs), float(ms))
            asyncio.run(_within(session or nullcontext(), submitting))
        case ["starts", samples]:
            print(json.dumps(asyncio.run(_starts(submit, session or nullcontext(), int(samples)))))
        case ["work"]:
            command = [sys.executable, "-m", *worker]
            for _ in range(copies - 1):
                subprocess.Popen(command)
            os.execv(sys.executable, command)  # noqa: S606 - no shell


async def _within(session: AbstractAsyncContextManager[Any], submitting: Awaitable[object]) -> None:
    async with session:
        await submitting


async def _one_by_one(submit: Submit, jobs: int, ms: float) -> None:
    for _ in range(jobs):
        await submit("count", ms)


async def _starts(
    submit: Submit, session: AbstractAsyncContextManager[Any], samples: int
) -> list[float]:
    """How long each of this many jobs waited for its start, in seconds."""
    found = []
    async with session:
        with start_delay.receiving() as receiver:
            for _ in range(start_delay.WARM_JOBS + samples):
                await submit("report_delay", time.monotonic())
                found.append(start_delay.receive_delay_s(receiver))
                await asyncio.sleep(start_delay.PAUSE_S)
    return found[start_delay.WARM_JOBS :]
