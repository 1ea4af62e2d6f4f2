"""Aborts of jobs that cannot or will not end, and of jobs that are about to end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import random

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Node
from tests.support.process_table import there

GENTLE = ["pipe", "flock", "slept_through"]
"""A signal interrupts these, or the next one, and Python raises the exception."""
HARD = [
    "regex",
    "c_loop",
    "c_loop_beside",
    "ignoring",
    "catching",
    "masked",
    "stopped",
    "default",
    "headless",
]
RESULT_BYTES_MAX = 1024 * 1024
ABORTS = rounds(30, long=100)
PATIENCE_S = 60
"""As a grace period: one that no job uses up which ends by itself."""
SOON_S = 20
"""How long the end of a job may take on a busy machine."""


@pytest.mark.parametrize(
    ("way", "grace_s"),
    [
        *((way, 0) for way in GENTLE + HARD),
        *((way, PATIENCE_S) for way in GENTLE),
        *((way, 0.2) for way in HARD),
    ],
)
async def test_a_job_that_will_not_end_is_ended(
    own_node: Node, begun: Path, way: str, grace_s: float
) -> None:
    """Whatever it does, it ends at once or right after its grace period, and its worker goes on."""
    await own_node.alone()
    before = own_node.members()
    job = await own_node.submit("hard", {"file": str(begun), "way": way})
    await eventually(begun.exists)
    during = own_node.members()
    status, job = await own_node.abort(job, f"grace_s={grace_s}&wait=50")
    assert (status, job["status"]) == (200, "aborted")
    assert not there(set(during) - set(before))
    assert not own_node.zombies()
    abort = job["abort"]
    assert abort["signal"] == ("SIGTERM" if grace_s and way in GENTLE else "SIGKILL")
    assert abort["processes"] == (2 if way == "default" else 1)
    assert abort["survivors"] == 0
    assert abort["latency_ms"] < (SOON_S + (grace_s if way in HARD else 0)) * 1000
    assert (await own_node.outcome("echo", way))["result"] == way


async def test_an_async_job_that_swallows_its_cancellation_ends_after_the_grace_period(
    own_node: Node, begun: Path
) -> None:
    """It is cancelled once, and then killed."""
    job = await own_node.submit("unending_async", {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await own_node.abort(job, "grace_s=0.3&wait=30")
    assert (status, job["abort"]["signal"]) == (200, "SIGKILL")
    assert begun.read_text() == "cancelled"


async def test_a_signal_that_one_job_blocked_still_reaches_the_next(
    own_node: Node, begun: Path
) -> None:
    """They share a process; what one job sets must not prevent the clean-up of the next."""
    for _ in range(own_node.workers):
        assert (await own_node.outcome("mask"))["status"] == "successful"
    job = await own_node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    status, job = await own_node.abort(job, f"grace_s={PATIENCE_S}&wait=50")
    assert (status, job["abort"]["signal"]) == (200, "SIGTERM")
    assert begun.read_text() == "unwound"


async def test_aborts_while_a_large_result_is_written_never_hang_a_slot(own_node: Node) -> None:
    """Half a result in a pipe makes a plain `ProcessPoolExecutor` wait for ever."""
    data = {"bytes": RESULT_BYTES_MAX}
    begun_at = time.monotonic()
    whole = await own_node.outcome("bulky", data)
    usual_s = time.monotonic() - begun_at
    assert len(whole["result"]) == RESULT_BYTES_MAX // 2 - 1

    async def abort_again_and_again() -> None:
        for _ in range(ABORTS // own_node.workers):
            job = await own_node.submit("bulky", data)
            await asyncio.sleep(random() * usual_s)  # noqa: S311 - a random instant
            status, answer = await own_node.abort(job)
            ended = await own_node.job(job, wait_s=60)
            assert (status, ended["status"]) in {(200, "aborted"), (409, "successful")}, answer

    async with asyncio.TaskGroup() as group:
        for _ in range(own_node.workers):
            group.create_task(abort_again_and_again())
    for _ in range(own_node.workers):
        assert (await own_node.outcome("echo", 1))["status"] == "successful"
    await own_node.alone()
