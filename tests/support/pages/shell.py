"""A shell that keeps its variables, like that of a reader who types the commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

COMMAND_S = 60.0
END = b"\x1e"


class Typed(NamedTuple):
    """The result of a command."""

    status: int
    output: str
    """Standard output and error, as a terminal shows them."""


class Shell:
    """A running bash."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def type(self, command: str) -> Typed:
        """Type a command, and wait for its end."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{command}\nprintf '%s\\036' $?\n".encode())
        async with asyncio.timeout(COMMAND_S):
            said = (await process.stdout.readuntil(END)).removesuffix(END).decode()
        output, newline, status = said.rpartition("\n")
        return Typed(int(status), output + newline)


@asynccontextmanager
async def shell(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Shell]:
    """Open a shell in a folder."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", "exec 2>&1; exec bash"),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Shell(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(COMMAND_S):
            await process.wait()
