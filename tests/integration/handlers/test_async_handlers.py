"""Async handlers share a process one after the other, and what their modules keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.jobs.test_job_logs import read
from tests.support.nodes import Node
from tests.support.servers.stream_server import stream_server


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that returns each line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    async with stream_server(serve) as port:  # clients live on in idle processes
        yield port


async def test_a_client_that_a_module_keeps_serves_each_job(fresh: Node, echo: int) -> None:
    """Clients of databases and of HTTP are made once and used by many jobs."""
    for number in range(3):
        texts = [f"{number}a", f"{number}b"]
        job = await fresh.outcome("ask", {"port": echo, "texts": texts})
        assert job["result"] == texts, job["error"]


@pytest.mark.parametrize("kind", ["lock", "semaphore", "queue", "event"])
async def test_what_asyncio_binds_to_a_loop_serves_each_job(fresh: Node, kind: str) -> None:
    """A lock in a module is bound to the event loop that first waits for it."""
    for _ in range(3):
        job = await fresh.outcome("use_kept", kind)
        assert job["status"] == "successful", job["error"]


async def test_a_client_serves_the_jobs_after_one_that_raised(fresh: Node, echo: int) -> None:
    """Plain handlers too, and failures, come in between."""
    for task in ("fail", "echo", "async_echo"):
        job = await fresh.outcome("ask", {"port": echo, "texts": ["a", "b"]})
        assert job["result"] == ["a", "b"], job["error"]
        await fresh.outcome(task, 1)


@pytest.mark.parametrize("kind", ["task", "generator"])
async def test_what_runs_in_the_loop_ends_with_its_job(fresh: Node, begun: Path, kind: str) -> None:
    """And has cleaned up when the job has ended."""
    alone = (await fresh.outcome("company_in_the_loop"))["result"]
    await fresh.outcome("leave_task", {"kind": kind, "file": str(begun)})
    assert begun.read_text() == "ended"
    assert (await fresh.outcome("company_in_the_loop"))["result"] == alone


@pytest.mark.parametrize("kind", ["handler of exceptions", "debug", "task factory"])
async def test_a_job_begins_with_the_original_settings_of_the_loop(fresh: Node, kind: str) -> None:
    """Else it would be slow, or its failures silent."""
    alone = (await fresh.outcome("company_in_the_loop"))["result"]
    left = await fresh.outcome("leave_task", {"kind": kind})
    assert left["status"] == "successful", left["error"]
    assert (await fresh.outcome("company_in_the_loop"))["result"] == alone


async def test_the_failure_of_a_left_task_is_in_no_other_log(fresh: Node) -> None:
    """Asyncio tells of it when the task is collected, perhaps much later."""
    await fresh.outcome("leave_task", {"kind": "failing"})
    for task in ("speak", "company_in_the_loop"):
        log = await read(fresh, await fresh.outcome(task))
        assert "failure" not in str(log)


async def test_each_job_may_call_functions_in_threads(fresh: Node) -> None:
    """They are how async code calls what blocks."""
    for task in ("use_threads", "use_threads", "async_echo", "use_threads", "fail", "use_threads"):
        job = await fresh.outcome(task, 1)
        assert task != "use_threads" or job["result"] == [1, 2, 3], job["error"]
