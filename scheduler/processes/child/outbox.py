"""What a pool process tells its node, whichever of its threads speaks.

    main thread ─▶ ┐
    thread ──────▶ ┼─ Report: of the job that runs ─▶ Outbox: whole frames, one at a time ─▶ node
    its signals ─▶ ┘

Once a job's end is told its report is closed: a thread or a timer that the job left behind must not
speak in the name of the next one.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from scheduler.processes.child.abort_signal import AbortSignal
from scheduler.processes.child.frames import frame

Message = Mapping[str, object]

PROGRESS_EVERY_S: Final = 0.1
"""Progress in between is kept, not sent: a tight loop may report each item and cost nothing."""

# Made once: `json.dumps` makes one for each call that has options.
_text_of: Final = json.JSONEncoder(ensure_ascii=False).encode


class Outbox:
    """The way out of this process."""

    def __init__(self, connection: socket.socket, abort_signal: AbortSignal) -> None:
        self._connection = connection
        self._abort_signal = abort_signal
        # One thread may hold it twice: a job's handler of signals may speak while a frame is sent.
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._sending = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have no other thread send until the end of the block, and no SIGTERM strike in it."""
        with self._abort_signal.shielded(), self._lock:
            yield

    def send(self, message: Message) -> None:
        """Write one frame, whole. Only while `alone`.

        A job's handler of signals may call this amid a frame: what it says goes behind that one.
        (If it raises instead, the frame is torn, and the process taken for broken.)
        """
        self._waiting.append(frame(_text_of(message).encode(errors="replace")))
        if self._sending:
            return
        self._sending = True
        try:
            while self._waiting:
                self._connection.sendall(self._waiting.popleft())
        finally:
            self._sending = False


class Report:
    """What one job says, until its end is told."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._progress: object = None
        self._told_at = 0.0
        self._closed = False

    def tell(self, message: Message) -> None:
        """Send what a job context says; of progress only the latest, and not too often."""
        if "progress" in message:
            self._progress = message["progress"]
            now = time.monotonic()
            if now - self._told_at < PROGRESS_EVERY_S:
                return
            self._told_at = now
        with self._outbox.alone():
            if not self._closed:
                self._outbox.send(message)

    def close(self, end: Message) -> None:
        """Tell how the job ended, and nothing of it from then on."""
        with self._outbox.alone():
            self._closed = True
            self._outbox.send({**end, "progress": self._progress})
