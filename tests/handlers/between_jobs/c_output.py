"""Handlers that write through the buffers of the C library, as its extensions do."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduler import handler

LIBC = ctypes.CDLL(None)
STDERR = ctypes.c_void_p.in_dll(LIBC, "stderr")
FULLY_BUFFERED = 0


def _write_to_stderr(text: bytes) -> None:
    """Write where nothing is buffered, unless a library asks for it."""
    LIBC.setvbuf(STDERR, None, FULLY_BUFFERED, ctypes.c_size_t(65536))
    LIBC.fwrite(text + b"\n", ctypes.c_size_t(1), ctypes.c_size_t(len(text) + 1), STDERR)


WRITES: dict[str, Callable[[bytes], object]] = {
    "printf": lambda text: LIBC.printf(b"%s\n", text),
    "puts": LIBC.puts,
    "an unfinished line": lambda text: LIBC.printf(b"%s", text),
    "stderr": _write_to_stderr,
}


def _exit() -> None:
    sys.exit("ended")


def _raise() -> None:
    raise ValueError("ended")


def _leave_thread() -> None:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


ENDS: dict[str, Callable[[], object]] = {
    "returned": lambda: None,
    "raised": _raise,
    "exited": _exit,
    "left a thread": _leave_thread,
}


def _undo(data: Any) -> None:
    WRITES["printf"](b"undone")


@handler("c_write", on_abort=_undo)
def c_write(data: Any) -> Any:
    """Write without a flush, and end in one of several ways."""
    WRITES[data["write"]](data["text"].encode())
    if "file" in data:
        Path(data["file"]).touch()
        time.sleep(1000)
    ENDS[data["end"]]()


@handler("c_flush")
def c_flush(data: Any) -> Any:
    """Flush all that the C library has buffered."""
    LIBC.fflush(None)


@handler("c_write_late", timeout_s=0.3, grace_s=5)
def c_write_late(data: Any) -> Any:
    """Write without a flush, and run longer than the time limit."""
    WRITES["printf"](b"late")
    time.sleep(1000)
