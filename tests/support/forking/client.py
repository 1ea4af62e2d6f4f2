"""Starts nodes and commands by the fork servers of this process, as its children."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Final

from tests.support.forking.server import MARK, MESSAGE_MAX, PLACEHOLDER, STREAMS

ROOT: Final = Path(__file__).parents[3]
LOOK_S: Final = 0.01
PR_SET_CHILD_SUBREAPER: Final = 36


class ForkedProcess:
    """A child of this process, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: IO[str] | None = None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"the process {self.pid}", timeout)
            time.sleep(LOOK_S)
        return status

    def send_signal(self, signal_: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal_)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks nodes, or commands, for this one, and ends with it."""

    def __init__(self, kind: str) -> None:
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "error", "-m", "tests.support.forking.server"),
                    *(str(theirs.fileno()), kind),
                ],
                cwd=ROOT,
                env={**os.environ, MARK: PLACEHOLDER},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fork(
        self,
        program: Path,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
    ) -> int:
        """Start a program in a folder with these standard streams; its process number."""
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "program": str(program),
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(environment),
            "umask": umask,
        }
        message = json.dumps(request).encode()
        with _adopted_orphans():
            socket.send_fds(self._control, [message], streams)
            answer = self._control.recv(MESSAGE_MAX)
        assert answer, "the fork server has ended"
        return int(answer)


@cache
def fork_server(kind: str) -> ForkServer:
    """The one of this process for a kind, "nodes" or "commands", which starts with the first."""
    return ForkServer(kind)


def forked_node(
    program: Path, folder: Path, environment: Mapping[str, str], log: IO[bytes]
) -> ForkedProcess:
    """A program of a node, which says its first lines on a pipe."""
    said, says = os.pipe()
    with Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), says, log.fileno())
        pid = fork_server("nodes").fork(program, (), folder, environment, streams)
    os.close(says)
    return ForkedProcess(pid, os.fdopen(said))


async def forked_command(
    program: Path,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdin: bytes = b"",
    within_s: float,
    kind: str = "commands",
) -> tuple[int, bytes, bytes]:
    """Run a program to its end, with pipes: its exit status, its output, and its errors."""
    pipes = [os.pipe() for _ in range(STREAMS)]
    (reads_input, writes_input), (output, says), (errors, complains) = pipes
    theirs = (reads_input, says, complains)
    try:
        pid = fork_server(kind).fork(program, arguments, folder, environment, theirs)
    finally:
        for stream in theirs:
            os.close(stream)
    process = ForkedProcess(pid)
    late = asyncio.get_running_loop().call_later(within_s, process.kill)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(_write, writes_input, stdin), name="input")
            said = group.create_task(asyncio.to_thread(_read, output), name="output")
            complained = group.create_task(asyncio.to_thread(_read, errors), name="errors")
        status = await asyncio.to_thread(process.wait, within_s)
    finally:
        late.cancel()
        process.kill()
    return status, said.result(), complained.result()


def _write(stream: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(stream, "wb") as pipe:
        pipe.write(data)


def _read(stream: int) -> bytes:
    with os.fdopen(stream, "rb") as pipe:
        return pipe.read()


@contextmanager
def _adopted_orphans() -> Iterator[None]:
    """Our descendants that become orphans meanwhile become our children."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        assert prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0
