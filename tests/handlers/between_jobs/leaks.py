"""Handlers that leave a little more in their process each time."""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import mmap
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scheduler import handler

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIMIT_BYTES = 256 * 1024 * 1024
LEFT: list[object] = []


def _map(count: int) -> object:
    return mmap.mmap(-1, count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _malloc(count: int) -> object:
    if not (found := LIBC.malloc(ctypes.c_size_t(count))):
        raise MemoryError
    return found


MEMORY: dict[str, Callable[[int], object]] = {
    "heap": bytearray,
    "small objects": lambda count: [b"x" * 1000 + bytes(i % 7) for i in range(count // 1030)],
    "mapping": _map,
    "malloc": _malloc,
}


@handler("leave_memory", memory_bytes=LIMIT_BYTES)
def leave_memory(data: Any) -> Any:
    """Leave this many bytes."""
    LEFT.append(MEMORY[data["kind"]](data["bytes"]))


@handler("leave_memory_without_limit")
def leave_memory_without_limit(data: Any) -> Any:
    """Do the same in a handler that may take what it likes."""
    LEFT.append(MEMORY[data["kind"]](data["bytes"]))


@handler("hoard", memory_bytes=LIMIT_BYTES)
def hoard(data: Any) -> Any:
    """Leave all that there is; then return or raise."""
    try:
        while True:
            LEFT.append(bytearray(1 << 20))
    except MemoryError:
        if data["raises"]:
            raise


@handler("need_memory", memory_bytes=LIMIT_BYTES)
def need_memory(data: Any) -> Any:
    """Take a third of the limit, for itself."""
    return len(bytearray(LIMIT_BYTES // 3))


def _duplicate() -> object:
    """A descriptor that no Python object closes."""
    return os.dup(1)


def _open_in_c() -> object:
    found: int = LIBC.open(b"/dev/null", os.O_RDONLY)
    if found < 0:
        raise OSError("no descriptor")
    return found


DESCRIPTORS: dict[str, Callable[[], object]] = {
    "files": lambda: Path("/dev/null").open(),  # noqa: SIM115 - to be left open
    "duplicates": _duplicate,
    "files of a C library": _open_in_c,
    "sockets": socket.socket,
    "epolls": select.epoll,
    "pipes": lambda: os.pipe()[0],
}


@handler("leave_descriptors")
def leave_descriptors(data: Any) -> Any:
    """Leave 60 descriptors."""
    LEFT.extend(DESCRIPTORS[data]() for _ in range(60))


@handler("leave_many_descriptors")
def leave_many_descriptors(data: Any) -> Any:
    """Leave more descriptors than all jobs of a process together may, from this number on."""
    for _ in range(110):
        fcntl.fcntl(1, fcntl.F_DUPFD, data)
    return os.getpid()


def _start(*, daemon: bool) -> None:
    threading.Thread(target=time.sleep, args=(1000,), daemon=daemon).start()


def _pool() -> None:
    LEFT.append(pool := ThreadPoolExecutor(4))
    pool.submit(int).result()


def _fork(*, detached: bool) -> None:
    if os.fork() == 0:
        if detached:
            os.setsid()
            if os.fork():
                os._exit(0)
        signal.pause()
        os._exit(0)


def _multiprocess() -> None:
    work = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,), daemon=True)
    work.start()
    LEFT.append(work)


def _begin_raw_thread() -> None:
    begun = _thread.allocate_lock()
    begun.acquire()

    def run() -> None:
        begun.release()
        time.sleep(1000)

    _thread.start_new_thread(run, ())
    begun.acquire()


COMPANY: dict[str, Callable[[], object]] = {
    "daemon threads": lambda: _start(daemon=True),
    "threads": lambda: _start(daemon=False),
    "raw threads": _begin_raw_thread,
    "thread pools": _pool,
    "timers": lambda: threading.Timer(1000, int).start(),
    "commands": lambda: LEFT.append(subprocess.Popen(["sleep", "1000"])),
    "forks": lambda: _fork(detached=False),
    "daemons": lambda: _fork(detached=True),
    "processes": _multiprocess,
}


@handler("leave_company")
def leave_company(data: Any) -> Any:
    """Leave a thread or a child."""
    COMPANY[data]()
    sys.stdout.flush()


@handler("company")
def company(data: Any) -> Any:
    """The number of threads and of children of this process."""
    threads = list(Path("/proc/self/task").iterdir())
    children = [each for thread in threads for each in (thread / "children").read_text().split()]
    return [len(threads), len(children)]
