"""`watch` on a terminal and in a script, against a real node."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.support.commands import COMMAND, CTRL_C, Terminal, command, environment
from tests.support.eventually import eventually
from tests.support.nodes import Node


async def begun_job(node: Node, begun: Path) -> str:
    """A job that runs until its file is gone."""
    job = await node.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    return f"{job['uid']}/{job['id']}"


async def status_of(node: Node, name: str) -> str:
    ended = await command(node, "show", name, "--json")
    return str(ended.json["status"])


async def test_a_script_gets_each_event_as_json(node: Node) -> None:
    job = await node.submit("count", {"n": 3})
    ended = await command(node, "watch", f"u1/{job['id']}", "--json")
    assert (ended.status, ended.errors) == (0, "")
    events = [json.loads(line) for line in ended.output.splitlines()]
    assert events[-1]["event"] == "status"
    assert events[-1]["data"]["status"] == "successful"
    assert {event["data"]["id"] for event in events} == {job["id"]}


async def test_a_pipe_gets_a_line_for_each_change(node: Node, begun: Path) -> None:
    """A build log, for example, cannot show a moving bar."""
    name = await begun_job(node, begun)
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "watch", name), env=environment(node), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == f"{name} running\n".encode()
        begun.unlink()
        assert (await process.stdout.readline()).startswith(f"{name} successful after".encode())
        assert await process.wait() == 0


@pytest.mark.parametrize(("task", "status"), [("echo", 0), ("fail", 3)])
async def test_its_exit_status_says_how_the_job_ended(node: Node, task: str, status: int) -> None:
    job = await node.outcome(task)
    assert (await command(node, "watch", f"u1/{job['id']}")).status == status


async def test_a_terminal_shows_a_bar_and_what_is_printed(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "enough"
    job = await node.submit("talk_until", {"file": str(file)})
    async with Terminal(node, "watch", "--log", f"u1/{job['id']}") as terminal:
        await terminal.shows("━")
        await terminal.shows("begun")
        file.touch()
        assert await terminal.ended() == 0
        await terminal.shows("ended")
        await terminal.shows("successful")


async def test_ctrl_c_offers_the_abort_and_does_it(node: Node, begun: Path) -> None:
    """Ctrl-C means stop in every other program."""
    name = await begun_job(node, begun)
    async with Terminal(node, "watch", name) as terminal:
        await terminal.shows("running")
        terminal.type(CTRL_C)
        await terminal.shows("It goes on otherwise. [y/N]")
        terminal.type("y\n")
        assert await terminal.ended() == 4
        await terminal.shows("0 survived")
    assert await status_of(node, name) == "aborted"


@pytest.mark.parametrize("answer", ["n\n", "\n", CTRL_C])
async def test_after_ctrl_c_and_no_the_job_goes_on(node: Node, begun: Path, answer: str) -> None:
    """Watching a job must not end it."""
    name = await begun_job(node, begun)
    async with Terminal(node, "watch", name) as terminal:
        await terminal.shows("running")
        terminal.type(CTRL_C)
        await terminal.shows("[y/N]")
        terminal.type(answer)
        assert await terminal.ended() == 130
    assert await status_of(node, name) == "running"
    begun.unlink()


async def test_without_a_terminal_there_is_no_question(node: Node, begun: Path) -> None:
    name = await begun_job(node, begun)
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "watch", name),
        env=environment(node),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (130, b"")
    begun.unlink()
