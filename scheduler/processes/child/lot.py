"""The process's side of a lot: takes a token before each job, and writes its end after it."""

from __future__ import annotations

import os
import select
import time
from multiprocessing.connection import Connection
from typing import Final

END_BYTES_MAX: Final = select.PIPE_BUF
"""A longer end goes through the channel, and is the last one of its lot: a pipe takes only so much
in one piece."""
WAKE_S: Final = 0.01
"""How often the node is woken to look for ends while a lot runs. Every 2 ms, jobs of 1 ms cost the
node half as much again."""


class LotPipes:
    """The pipes of the tokens and of the ends: see `scheduler.processes.lot`."""

    def __init__(self, tokens: Connection, ends: Connection) -> None:
        self._kept = (tokens, ends)
        self._tokens, self._ends = tokens.fileno(), ends.fileno()
        self._wake_at = 0.0

    def begin(self) -> None:
        """A lot begins."""
        self._wake_at = time.monotonic() + WAKE_S

    def take(self) -> bool:
        """Take the token of the next job; whether the node has left any."""
        try:
            return bool(os.read(self._tokens, 1))
        except BlockingIOError:
            return False

    def write(self, end: bytes) -> bool:
        """Write the frame of an end, unless it is too long or there is no room."""
        if len(end) > END_BYTES_MAX:
            return False
        try:
            os.write(self._ends, end)
        except BlockingIOError:
            return False
        return True

    def must_wake(self) -> bool:
        """Whether it is time to wake the node."""
        now = time.monotonic()
        if now < self._wake_at:
            return False
        self._wake_at = now + WAKE_S
        return True
