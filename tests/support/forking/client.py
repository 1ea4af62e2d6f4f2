"""Starts nodes by the fork server of this process, as its children."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

from tests.support.forking.server import MARK, MESSAGE_MAX, PLACEHOLDER

ROOT: Final = Path(__file__).parents[3]
LOOK_S: Final = 0.01
PR_SET_CHILD_SUBREAPER: Final = 36


class ForkedProcess:
    """A child of this process, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: IO[str]) -> None:
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
                raise subprocess.TimeoutExpired(f"the node {self.pid}", timeout)
            time.sleep(LOOK_S)
        return status

    def send_signal(self, signal_: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal_)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks nodes for this one, and ends with it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "error", "-m", "tests.support.forking.server"),
                    str(theirs.fileno()),
                ],
                cwd=ROOT,
                env={**os.environ, MARK: PLACEHOLDER},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fork(
        self, program: Path, folder: Path, environment: Mapping[str, str], log: IO[bytes]
    ) -> ForkedProcess:
        """Start a program of a node in a folder, which says its first lines on a pipe."""
        said, says = os.pipe()
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "program": str(program),
            "folder": str(folder),
            "environment": dict(environment),
            "umask": umask,
        }
        message = json.dumps(request).encode()
        with _adopted_orphans(), Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), says, log.fileno()]
            socket.send_fds(self._control, [message], streams)
            os.close(says)
            answer = self._control.recv(MESSAGE_MAX)
        assert answer, "the fork server has ended"
        return ForkedProcess(int(answer), os.fdopen(said))


@cache
def fork_server() -> ForkServer:
    """The one of this process, which starts with its first node."""
    return ForkServer()


@contextmanager
def _adopted_orphans() -> Iterator[None]:
    """Our descendants that become orphans meanwhile become our children."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        assert prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0
