"""Standard streams that are closed, or that cannot show each character."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from atlanscheduler_client import Client
from tests.support.commands import COMMAND, command, environment
from tests.support.effort import variants
from tests.support.nodes import HANDLERS, ROOT, Node
from tests.support.servers.ports import free_port

CLOSING = {"output": ">&-", "errors": "2>&-", "all three": "<&- >&- 2>&-"}
USUAL = ["output", "all three"]


@pytest.mark.parametrize("closing", variants(USUAL, long=["errors"]))
async def test_a_node_runs_without(tmp_path: Path, closing: str) -> None:
    """Some programs start services so; a socket must not get the number of standard output."""
    port = free_port()
    node = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$@" {CLOSING[closing]}', "sh", sys.executable, str(ROOT / "main.py")),
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEDULER_HTTP__PORT": str(port),
            "SCHEDULER_HANDLERS__PATH": str(HANDLERS),
            "SCHEDULER_NODE__WORKERS": "1",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        with Client(f"http://127.0.0.1:{port}", retry_s=60) as client:
            job = await asyncio.to_thread(lambda: client.submit("ada", "echo", 1))
            ended = await asyncio.to_thread(lambda: client.wait("ada", job.id, timeout_s=30))
        assert ended.result == 1
        node.send_signal(signal.SIGTERM)
        assert await node.wait() == 0
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()


async def test_what_an_encoding_does_not_have_is_replaced_and_escaped_in_json(node: Node) -> None:
    """A traceback would show nothing of the job; JSON has a way to write each character."""
    name = (await command(node, "submit", "ada", "echo", '"Zoë 𝄞"')).output.strip()
    await command(node, "wait", name)
    shown = {}
    for options in ((), ("--json",)):
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "show", name, *options),
            env=environment(node, PYTHONIOENCODING="ascii"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        shown[options] = output.decode("ascii")
    assert '"Zo? ?"' in shown[()]
    assert json.loads(shown["--json",])["result"] == "Zoë 𝄞"
