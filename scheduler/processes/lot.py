"""A lot: jobs that a pool process gets together, and runs one after the other.

    node ─ jobs, a token for each job ──▶ process   takes a token ─▶ runs a job ─▶ writes its end ─┐
    node ◀─ ends ────────────────────────                ▲                                         │
    node ◀─ the last end ────────────────                └─────────────────────────────────────────┘

The process takes a token out of a pipe before it begins a job, and the node may take back all that
are left. The kernel hands out each of them once. So the node decides at any moment, without a wait,
which jobs never begin; of the others at most one is still running, and to end the process hits no
other job.

An end is written before the next token is taken, so no job can take along the results of those
before it, even if it kills the process. The pipe of the ends wakes nobody: a node that woke up for
each of many short jobs would do little else.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol

from scheduler.core.job_log import LogStream
from scheduler.processes.channel import Frames
from scheduler.processes.stdio_pipes import OnOutput

Message = Mapping[str, Any]

KEY_BYTES: Final = 8
"""Nothing can guess the key of a job that has not begun yet."""
LOT_MAX: Final = 100
"""The most jobs of a lot: their ends, of up to `child.lot.END_BYTES_MAX`, must fit into a pipe."""
READ_BYTES: Final = 64 * 1024


class Listener(Protocol):
    """What a job of a lot is told."""

    def on_message(self, message: Message) -> None:
        """It sent a message."""

    def on_output(self, stream: LogStream, data: bytes) -> None:
        """It printed something."""

    def on_end(self, end: Message | None) -> None:
        """It ended; None where its process died, or broke the protocol, before its end."""


class LotPipes:
    """The pipes of the tokens and of the ends; the same ones for all lots of a process."""

    def __init__(self) -> None:
        self._tokens, self._given = Pipe(duplex=False)
        self._ends, ends = Pipe(duplex=False)
        self._own = (self._tokens, self._given, self._ends)
        self.theirs: list[Connection] = [self._tokens, ends]
        """The ends for the pool process: where it takes tokens, and where it writes ends."""
        self._their_own = (ends,)
        for pipe in (*self._own, ends):
            os.set_blocking(pipe.fileno(), False)
        self._frames = Frames(READ_BYTES)

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Close our copy of what only the process uses after the block, which passes it on."""
        try:
            yield
        finally:
            for pipe in self._their_own:
                pipe.close()

    def put(self, tokens: int) -> None:
        """Put tokens in."""
        os.write(self._given.fileno(), bytes(tokens))

    def take_back(self) -> int:
        """Take back all tokens that are left, and return how many."""
        try:
            return len(os.read(self._tokens.fileno(), LOT_MAX))
        except BlockingIOError:
            return 0

    def ends(self) -> Iterator[Message]:
        """The ends that have been written since the last call.

        Raises:
            ValueError: something else was written.
        """
        try:
            while data := os.read(self._ends.fileno(), READ_BYTES):
                yield from self._frames.of(data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close our ends."""
        for pipe in self._own:
            pipe.close()


class Output(Protocol):
    """The pipes through which a process prints."""

    def listen(self, on_output: OnOutput) -> None:
        """Pass on what is unread, and what comes."""

    def leave_unread(self, on_unread: Callable[[], None]) -> None:
        """Leave it unread until the next `listen`; call this once there is something."""

    def stop_listening(self) -> None:
        """Pass on what is unread; what comes belongs to no job."""


class Lot:
    """The jobs of one trip: which may have begun, and which have ended."""

    def __init__(
        self,
        jobs: Sequence[Message],
        listeners: Sequence[Listener],
        *,
        pipes: LotPipes,
        output: Output,
        on_change: Callable[[], None],
    ) -> None:
        """Put in a token for each job.

        Args:
            jobs: what the process is told of each.
            listeners: one for each job.
            pipes: without a token.
            on_change: called when more have ended, and when no further one will begin.
        """
        self._pipes = pipes
        self._output = output
        self._listeners = listeners
        self._on_change = on_change
        key = secrets.token_hex(KEY_BYTES * (len(jobs) + 1))
        self._key, *keys = (
            key[at : at + 2 * KEY_BYTES] for at in range(0, len(key), 2 * KEY_BYTES)
        )
        self._numbers = {key: number for number, key in enumerate(keys)}
        self.frames: list[Message] = [
            {**job, "key": key} for job, key in zip(jobs, keys, strict=True)
        ]
        """What the process gets; the first one begins a lot."""
        self.frames[0] = {**self.frames[0], "lot": self._key, "jobs": len(jobs)}
        self.begun = len(jobs)
        """The jobs before this one may have begun; it and those after it never will."""
        self.ended = 0
        """The jobs before this one have ended."""
        self.closed = len(jobs) == 1
        """Whether it is known that no further one begins."""
        self.over = False
        """Whether the process runs none of them any more."""
        self.broken = False
        """Whether it wrote ends that make no sense."""
        if len(jobs) == 1:
            output.listen(listeners[0].on_output)
        else:
            output.leave_unread(self.take_back)
        pipes.put(len(jobs))

    def take_back(self) -> None:
        """Have no further job begin.

        What has been printed is of the last one that began: the process begins none while there is
        unread output.
        """
        if not self.over:
            self._take_back()
            self._on_change()

    def receive(self, message: Message) -> bool:
        """Take what came through the channel; whether it is of this lot."""
        self._read_ends()
        key = str(message.get("key"))
        number = self._numbers.get(key, -1)
        if key == self._key and "idle" in message:
            self._finish()
        elif key != self._key and number < self.ended:
            return False
        elif "leftovers" in message:
            self._output.listen(self._listeners[number].on_output)
            self._output.stop_listening()
            self._end(number, message)
            self._finish()
        elif key != self._key:
            self._listeners[number].on_message(message)
            return True
        self._on_change()
        return True

    def lose(self) -> None:
        """The process is dead, or broke the protocol."""
        if not self.over:
            self._finish()
            self._on_change()

    def _take_back(self) -> None:
        self.closed = True
        self.begun -= self._pipes.take_back()
        self._read_ends()
        if self.begun:
            self._output.listen(self._listeners[self.begun - 1].on_output)

    def _finish(self) -> None:
        """No job of this lot runs any more. One that began, and has no end, never gets one."""
        self._take_back()
        self.over = True
        for listener in self._listeners[self.ended : self.begun]:
            listener.on_end(None)

    def _read_ends(self) -> None:
        try:
            for message in self._pipes.ends():
                self._end(self._numbers.get(str(message.get("key")), -1), message)
        except ValueError:
            self.broken = True

    def _end(self, number: int, end: Message) -> None:
        if number == self.ended < self.begun:
            self.ended += 1
            self._listeners[number].on_end(end)
        else:
            self.broken = True
