"""The child process that is the embedded server, from its start to its end."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from pathlib import Path
from random import Random
from subprocess import DEVNULL, STDOUT
from typing import Final

import structlog

from scheduler.basics.retry import Backoff, retried
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.queue.embedded.files import ServerFiles

START_S: Final = 30.0
"""How long it may take until it answers: usually under 0.1 s, longer if it reads a large file."""

LOOK_S: Final = 0.01
"""Interval of PINGs while it starts: it gives no sign when it is ready."""

REPLY_S: Final = 1.0
"""How long a command may take."""

END_S: Final = 5.0
"""How long it may take to write the rest of its file and end, before it is killed."""

UNSTOPPED: Final = (
    "import os, signal, sys;"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT});"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Runs a program in which those signals stay blocked: who stops a service sends them to all of its
processes, and a server that handles them would end before the node has drained. Event loops reset
the mask of what they start, so it must be set there."""

OPTIONS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "set-proc-title": "no",
    "hz": "1",
}
"""`set-proc-title`: a title would overwrite the environment, by which the warden knows a node's
processes. `hz`: the server's periodic work, ten times a second by default, would take a quarter of
an idle node's CPU time; at once a second, a blocking command may end a second late, which is well
within `ANSWER_S`, and so may the reaction to a signal."""

log = structlog.get_logger()


class ServerProcess:
    """One server program on one socket, started again whenever it ends by itself."""

    def __init__(self, program: str, *, files: ServerFiles, socket: Path, random: Random) -> None:
        self._program = program
        self._files = files
        self._socket = socket
        self._random = random
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, with an empty folder if it cannot read the existing one.

        Raises:
            StartError: it ends by itself even then.
            QueueUnavailable: it does not answer.
        """
        if await self._try_start():
            return
        aside = self._files.set_aside()
        log.warning("the embedded queue could not read its files", set_aside=str(aside))
        if not await self._try_start():
            raise StartError(
                f'[queue] url: the "embedded" server ({self._program}) does not start:'
                f" {self._files.last_log_line()}"
            )

    async def supervise(self) -> None:
        """Start it again whenever it ends, however often that fails; a background task.

        Also where the machine is out of pids, memory or files: that may pass.
        """
        while self._process is not None:
            status = await self._process.wait()
            log.warning("the embedded queue ended: it is started again", exit_status=status)
            backoff = Backoff(self._random)
            await backoff.pause()
            await retried(
                self.start,
                on=(StartError, QueueUnavailable, OSError),
                backoff=backoff,
                failed=lambda error: log.warning(
                    "the embedded queue does not start", error=str(error)
                ),
            )

    async def end(self) -> None:
        """End it, and kill it if that takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            await replies(self._socket, "SHUTDOWN", "NOSAVE")
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            log.warning("the embedded queue does not end: it is killed", after_s=END_S)
        finally:
            if process.returncode is None:
                process.kill()
        await process.wait()

    async def _try_start(self) -> bool:
        """Start the program and wait until it answers; false where it ends by itself."""
        with self._files.open_log() as output:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", UNSTOPPED),
                self._program,
                *(word for name, value in OPTIONS.items() for word in (f"--{name}", value)),
                "--unixsocket",
                str(self._socket),
                cwd=self._files.folder,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                pass_fds=(self._files.server_lock.descriptor,),
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    if await replies(self._socket, "PING"):
                        return True
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            await self.end()
            raise QueueUnavailable(
                f"the embedded queue did not answer within {START_S:g} s; see {self._files.log}"
            ) from None
        return False


async def replies(socket: Path, *command: str) -> bool:
    """Whether a server on this socket accepts the command; false also while it loads its file."""
    # Not through redis-py, which may lose a cancellation: then the node's end would wait for ever.
    try:
        async with asyncio.timeout(REPLY_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(f"{' '.join(command)}\r\n".encode())
                return (await reader.readline()).startswith(b"+")
            finally:
                writer.close()
    except OSError:
        return False
