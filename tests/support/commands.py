"""Runs the command line as people and scripts do: `python main.py …` in a process.

One that is run to its end starts by a fork (tests/support/forking); one on a terminal starts as it
does for people.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.eventually import eventually
from tests.support.forking.client import forked_command
from tests.support.nodes import ROOT, Node

PROGRAM = ROOT / "main.py"
COMMAND = [sys.executable, "-W", "error", str(PROGRAM)]
CTRL_C = "\x03"
END_S = 60.0


@dataclass(frozen=True)
class Ended:
    """The result of a command."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.output)


def environment(node: Node | None, **more: str) -> dict[str, str]:
    url = {} if node is None else {"ATLANSCHEDULER_URL": node.url}
    return {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **url, **more}


async def command(
    node: Node | None,
    *arguments: str,
    stdin: str = "",
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end, with pipes for its output."""
    status, output, errors = await forked_command(
        PROGRAM,
        arguments,
        folder or Path.cwd(),
        environment(node, **(environ or {})),
        stdin=stdin.encode(),
        within_s=END_S,
    )
    return Ended(status, output.decode(), errors.decode())


class Terminal:
    """A command on a terminal: what it shows, and what is typed."""

    def __init__(self, node: Node, *arguments: str, **more: str) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        self._command = asyncio.create_subprocess_exec(
            *("setsid", "--ctty", *COMMAND),  # so that Ctrl-C sends a signal, as on a real terminal
            *arguments,
            env=environment(node, **more),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        self._theirs = theirs

    async def __aenter__(self) -> Self:
        self._process = await self._command
        os.close(self._theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def shows(self, text: str) -> None:
        """Wait until a text is on the screen."""
        await eventually(lambda: text in self.shown, within_s=END_S, saying=f"shows {text!r}")

    def type(self, text: str) -> None:
        """Type a text; `CTRL_C` is a key too."""
        os.write(self._ours, text.encode())

    async def ended(self) -> int:
        """Wait for the command's end; its exit status."""
        async with asyncio.timeout(END_S):
            return await self._process.wait()

    def _read(self) -> None:
        try:
            self.shown += os.read(self._ours, 65_536).decode(errors="replace")
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self._ours)
