"""`python main.py …` as it is typed in a shell: a program called `python` has a test fork it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from tests.support.forking.client import ROOT, ForkedProcess, fork_server
from tests.support.forking.server import MESSAGE_MAX, STREAMS

END_S: Final = 60.0
ASKING: Final = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1:2] != ["main.py"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as test:
    test.connect({address!r})
    asked = {{"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(test, [json.dumps(asked).encode()], [0, 1, 2])
    sys.exit(int(test.recv(16)))
"""


@asynccontextmanager
async def typed_python(path: Path) -> AsyncIterator[None]:
    """Have a program there for the block that is Python, but forks `main.py`."""
    address = f"\0scheduler-tests-python-{uuid4().hex}"
    path.write_text(ASKING.format(python=sys.executable, address=address))
    path.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen()
        door.settimeout(0)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(door), name="typed python")
            yield
            serving.cancel()


async def _serve(door: socket.socket) -> None:
    while True:
        asking, _ = await asyncio.get_running_loop().sock_accept(door)
        with asking:
            asking.settimeout(None)
            await asyncio.to_thread(_run, asking)


def _run(asking: socket.socket) -> None:
    message, streams, *_ = socket.recv_fds(asking, MESSAGE_MAX, STREAMS)
    try:
        request = json.loads(message)
        pid = fork_server("commands").fork(
            ROOT / "main.py",
            request["arguments"],
            Path(request["folder"]),
            request["environment"],
            streams,
        )
    finally:
        for stream in streams:
            os.close(stream)
    asking.send(str(ForkedProcess(pid).wait(END_S)).encode())
