"""Every job begins as the first one did: what a process has only one of is restored after each.

Or the process is replaced; a job cannot tell.
"""

from __future__ import annotations

import os

import pytest

from tests.support.nodes import Node

SIGNALS = [
    "children are not waited for",
    "a handler of SIGCHLD",
    "a handler of SIGPIPE",
    "the default of SIGPIPE",
    "SIGINT ignored",
    "a handler of SIGUSR1",
    "a handler of SIGALRM",
    "a handler of SIGHUP",
    "a real-time signal ignored",
    "blocked signals",
    "a blocked SIGCHLD",
    "a descriptor for signals",
]
KERNEL = [
    "an alarm",
    "a watchdog of faulthandler",
    "a raw thread",
    "few open files",
    "no core dumps",
    "no locked memory",
    "a priority",
    "a scheduling policy",
    *(["one CPU"] if len(os.sched_getaffinity(0)) > 1 else []),
]
SURROUNDINGS = [
    "a new variable",
    "a new variable of children",
    "a changed PATH",
    "a removed variable",
    "no variables",
    "no variables of children",
    "a variable of Python alone",
    "a variable of the C library",
    "none in the C library",
    "nothing in the C library",
    "others in the C library",
    "a time zone",
    "a changed folder",
    "a changed umask",
    "closed standard input",
    "no standard input",
    "closed descriptor 0",
    "replaced descriptor 0",
]


async def check(node: Node, task: str, state: str) -> None:
    """A state is in the second job as it was in the first, though another has changed it."""
    before = await look(node, task, state)
    changed = await look(node, task, state, change=True)
    assert changed != before, "without a change this proves nothing"
    assert await look(node, task, state) == before


async def look(node: Node, task: str, state: str, *, change: bool = False) -> object:
    job = await node.outcome(task, {"state": state, "change": change})
    assert job["status"] == "successful", job["error"]
    return job["result"]


@pytest.mark.parametrize("state", SIGNALS)
async def test_a_job_begins_with_the_original_signal_handling(fresh: Node, state: str) -> None:
    """With SIGCHLD ignored, for one, each failed command would count as successful."""
    await check(fresh, "signals", state)


@pytest.mark.parametrize("state", KERNEL)
async def test_a_job_begins_with_the_original_limits_timers_and_threads(
    fresh: Node, state: str
) -> None:
    """Else the next job would fail, end or be slow for a reason that is not its own."""
    await check(fresh, "signals", state)


@pytest.mark.parametrize("state", SURROUNDINGS)
async def test_a_job_and_its_children_begin_in_the_original_surroundings(
    fresh: Node, state: str
) -> None:
    """Environment, folder, umask and input decide what a program does and whose files it uses."""
    await check(fresh, "surroundings", state)


async def test_a_job_that_writes_to_nobody_gets_an_exception(fresh: Node) -> None:
    """With the default of SIGPIPE its process would die instead."""
    await look(fresh, "signals", "the default of SIGPIPE", change=True)
    job = await fresh.outcome("write_without_a_reader")
    assert job["result"] == "BrokenPipeError", job["error"]
