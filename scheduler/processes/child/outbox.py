"""Sends frames from a pool process to its node, from whichever thread.

    main thread ────▶ ┐
    other threads ──▶ ┼─ JobOutbox: of the job that runs ─▶ Outbox: one frame at a time ─▶ node
    signal handlers ▶ ┘

A job's outbox is closed with its end frame: a thread or a timer that the job left behind must not
send messages in the name of the next job.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from scheduler.processes.child.abort_signal import AbortSignal
from scheduler.processes.child.frames import frame

Message = Mapping[str, object]

PROGRESS_EVERY_S: Final = 0.1
"""The least time between two progress messages: a tight loop may report each item at no cost."""


class Outbox:
    """Sends whole frames to the node, one at a time."""

    def __init__(self, connection: socket.socket, abort_signal: AbortSignal) -> None:
        self._connection = connection
        self._deferral = abort_signal.deferred()
        # Reentrant: a signal handler of the job may send a message while its thread sends a frame.
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._sending = False

    def __enter__(self) -> None:
        """Let no other thread send in the block, and defer SIGTERM to its end."""
        self._deferral.__enter__()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._deferral.__exit__()

    def send(self, message: Message) -> None:
        """Write one whole frame. Only to be called in a block of this object.

        A signal handler of the job may call this while a frame is being written: its frame follows
        that one. (If it raises instead, the frame is incomplete, and the process counts as broken.)
        """
        self._waiting.append(encoded(message))
        if self._sending:
            return
        self._sending = True
        try:
            while self._waiting:
                self._connection.sendall(self._waiting.popleft())
        finally:
            self._sending = False


def encoded(message: Message) -> bytes:
    """The frame of a message."""
    try:
        return frame(orjson.dumps(message))
    except orjson.JSONEncodeError:  # a lone surrogate in an exception, or a number beyond 64 bits
        return frame(json.dumps(message, ensure_ascii=False).encode(errors="replace"))


class JobOutbox:
    """Sends the messages of one job, up to its end frame."""

    def __init__(self, outbox: Outbox, *, key: str) -> None:
        """Send through `outbox`.

        Args:
            key: came with the job; by it the node knows the job's messages from all others.
        """
        self._outbox = outbox
        self._key = key
        self._progress: object = None
        self._progress_sent_at = 0.0
        self._closed = False
        self._sent = False

    def send(self, message: Message) -> None:
        """Send a message of the job context; of progress only the latest, and not too often."""
        if "progress" in message:
            self._progress = message["progress"]
            now = time.monotonic()
            if now - self._progress_sent_at < PROGRESS_EVERY_S:
                return
            self._progress_sent_at = now
        with self._outbox:
            if not self._closed:
                self._sent = True
                self._outbox.send({**message, "key": self._key})

    def close(self, end: Message, *, write: Callable[[bytes], bool] = lambda _: False) -> bool:
        """Send the end frame; whatever the job sends from then on is dropped.

        Args:
            write: takes the frame instead of the channel, or returns false. Not called after other
                messages, which the end must not overtake.

        Returns:
            Whether `write` took it.
        """
        with self._outbox:
            self._closed = True
            message = {**end, "progress": self._progress, "key": self._key}
            if not self._sent and write(encoded(message)):
                return True
            self._outbox.send(message)
        return False
