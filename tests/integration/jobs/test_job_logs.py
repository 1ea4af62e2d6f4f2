"""Logs of jobs on real nodes: what a handler prints can be read while it runs and afterwards."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.integration.nodes.test_several_nodes import member
from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes

__all__ = ["member"]

WARM_UP = 40
"""So many short jobs make the node send them in lots."""
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (stdout|stderr|notice) (.*)")


MEGABYTES = rounds(60, long=300)


async def read(node: Node, job: Body) -> list[tuple[str, str]]:
    """The log of a job: each line's stream and text."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/{job['uid']}/{job['id']}/log") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return parsed(await answer.text())


def parsed(text: str) -> list[tuple[str, str]]:
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(found), text[:1000]
    return [(match[1], match[2]) for match in found if match]


@asynccontextmanager
async def followed(node: Node, job: Body) -> AsyncIterator[aiohttp.StreamReader]:
    """The log of a job, followed to its end."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
        session.get(f"{node.url}/{job['uid']}/{job['id']}/log?follow=true") as answer,
    ):
        yield answer.content


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_what_a_job_of_a_lot_prints_is_in_its_own_log(lone_node: Node, stream: str) -> None:
    """Though they follow each other faster than the node reads."""
    jobs = [{"uid": "lot", "task": "say_to", "data": [stream, n]} for n in range(WARM_UP + 60)]
    for together in (jobs[:WARM_UP], jobs[WARM_UP:]):  # the first ones make it send lots
        status, submitted = await lone_node.call("POST", "/", together)
        assert status == 202, submitted
        ended = [await lone_node.job(job, wait_s=30) for job in submitted]
    logs = [await read(lone_node, job) for job in ended]
    assert logs == [[(stream, str(job["data"][1]))] for job in jobs[WARM_UP:]]


async def test_all_output_of_a_handler_is_in_its_log(node: Node) -> None:
    """Printed, written or logged, to either stream, by itself or a child; each stream in order."""
    log = await read(node, await node.outcome("talk"))
    assert [text for stream, text in log if stream == "stdout"] == [
        "printed ü",
        "from a child",
        "by descriptor",
        "unfinished",
    ]
    assert [text for stream, text in log if stream == "stderr"] == [
        "to stderr",
        "INFO talk: logged",
        "its error",
    ]


async def test_a_job_without_output_has_an_empty_log(node: Node) -> None:
    """That is no error."""
    assert await read(node, await node.outcome("echo")) == []


async def test_a_log_is_followed_from_the_first_line_to_the_end_of_the_job(
    node: Node, tmp_path: Path
) -> None:
    """A line shows while the job runs, and the answer ends with the job."""
    job = await node.submit("talk_until", {"file": str(tmp_path / "end")})
    async with followed(node, job) as lines:
        assert (await lines.readline()).endswith(b" stdout begun\n")
        (tmp_path / "end").touch()
        assert (await lines.readline()).endswith(b" stdout ended\n")
        assert await lines.read() == b""
    assert await read(node, job) == [("stdout", "begun"), ("stdout", "ended")]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a\xffb\n"], ["a\ufffdb"]),
        (["\xc3", "\xbc\n"], ["ü"]),
        (["a\0b\n"], ["a\0b"]),
        (["10%\r", "20%\r", "\ndone\r\n"], ["20%", "done"]),
        (["\n\nend"], ["", "", "end"]),
    ],
    ids=["invalid", "torn", "nul", "carriage-return", "unended"],
)
async def test_any_bytes_are_shown_as_lines_of_text(
    node: Node, pieces: list[str], shown: list[str]
) -> None:
    """Invalid bytes must not prevent the rest from being shown."""
    log = await read(node, await node.outcome("talk_bytes", pieces))
    assert log == [("stdout", line) for line in shown]


async def test_a_line_without_an_end_is_shown_in_parts(node: Node) -> None:
    """The end may never come; no part of the line is lost."""
    text = "ü" * 25_000
    job = await node.outcome("talk_bytes", [text.encode().decode("latin-1")])
    log = await read(node, job)
    assert len(log) > 1
    assert "".join(part for _, part in log) == text


async def test_too_much_output_keeps_its_beginning_and_end_and_does_no_harm(
    start_node: Nodes,
) -> None:
    """Neither the node's memory nor its disk; requests are answered meanwhile."""
    node = start_node()
    await node.outcome("talk")
    before = memory_kib(node)
    job = await node.submit("talk_much", {"megabytes": MEGABYTES})
    while (await node.job(job))["finished_at"] is None:
        assert (await node.call("GET", "/-/health", timeout_s=2))[0] == 200
    log = await read(node, job)
    assert (log[0][1], log[-1][1]) == ("the first line", "the last line")
    (left_out,) = [text for stream, text in log if stream == "notice"]
    shown = sum(len(text) + 1 for stream, text in log if stream == "stdout")
    assert int(left_out.split()[0]) + shown == MEGABYTES * 10**6 + len(
        "the first linethe last line\n\n"
    )
    assert 150_000 < shown < 256 * 1024
    assert memory_kib(node) - before < 20_000
    assert sum(file.stat().st_size for file in (node.folder / "data").glob("*.db*")) < 10_000_000


@pytest.mark.parametrize(
    ("task", "last"),
    [
        ("talk_and_die", "last words"),
        ("talk_on", "stopped"),
        ("talk_after", None),
        ("talk_and_close", "closing"),
    ],
)
async def test_however_a_job_ends_its_last_output_is_kept_and_not_given_to_the_next(
    lone_node: Node, task: str, last: str | None
) -> None:
    """By a signal or its time limit, with a child that goes on printing, or with closed streams."""
    log = await read(lone_node, await lone_node.outcome(task))
    assert last is None or log[-1] == ("stdout", last)
    assert (await read(lone_node, await lone_node.outcome("talk")))[0] == ("stdout", "printed ü")


async def test_an_abort_keeps_the_output_and_its_clean_up_has_a_part_of_its_own(
    node: Node, begun: Path
) -> None:
    """An aborted job's log shows how far it came, and its clean-up."""
    job = await node.submit("talk_undo", {"file": str(begun)})
    await eventually(begun.exists)
    async with followed(node, job) as lines:
        await node.abort(job)
        log = parsed((await lines.read()).decode())
    assert log == [
        ("stdout", "begun"),
        ("notice", "the clean-up begins"),
        ("stdout", "undone"),
    ]


async def test_any_node_shows_the_log_with_all_attempts_in_it(
    member: Callable[[str], Node], tmp_path: Path
) -> None:
    """Even what a node wrote before it was killed: after a crash, people read logs."""
    a = member("a")
    job = await a.submit("talk_until", {"file": str(tmp_path / "end")})
    b = member("b")
    async with followed(b, job) as lines:
        assert (await lines.readline()).endswith(b" stdout begun\n")
        a.kill()
        assert (await lines.readline()).endswith(b" notice attempt 2 begins\n")
        (tmp_path / "end").touch()
        await lines.read()
    assert await read(b, job) == [
        ("stdout", "begun"),
        ("notice", "attempt 2 begins"),
        ("stdout", "begun"),
        ("stdout", "ended"),
    ]


async def test_a_client_that_follows_a_log_does_not_delay_a_drain(
    start_node: Nodes, tmp_path: Path
) -> None:
    """The answer ends normally, and the client may ask another node for the rest."""
    node = start_node(NODE__DRAIN_S=0)
    job = await node.submit("talk_until", {"file": str(tmp_path / "end")})
    async with followed(node, job) as lines:
        await lines.readline()
        node.signal(signal.SIGTERM)
        assert await lines.read() == b""
    assert await asyncio.to_thread(node.ended) == 0


async def test_a_log_can_be_asked_for_without_its_text(node: Node) -> None:
    """HEAD, which tools send first."""
    job = await node.outcome("talk")
    async with (
        aiohttp.ClientSession() as session,
        session.head(f"{node.url}/u1/{job['id']}/log?follow=true") as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"")
    assert (await node.call("GET", f"/u2/{job['id']}/log"))[0] == 404


def memory_kib(node: Node) -> int:
    """The memory of the node's own process."""
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    (found,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return int(found)
