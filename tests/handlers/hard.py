"""Handlers that do not end, or leave much behind, for the tests of aborts."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import itertools
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from scheduler import JobAborted, JobContext, handler

Begin = Callable[[], None]

CHAINS = 60
CHAINS_S = 20.0
"""After this they end by themselves, so that a failed test leaves a usable machine."""
LEFT = ["children", "session", "daemon", "pipeline", "headless", "chains"]
SYS_EXIT = {"x86_64": 60, "aarch64": 93}.get(platform.machine())
"""The number of the system call exit(2), which ends one thread, not the process."""


# Ways not to end. Each reports that it has begun once it is stuck.


def _regex(begin: Begin) -> NoReturn:
    """Backtrack for ever with the GIL held, and again when a signal interrupts it."""
    while True:
        with suppress(BaseException):
            begin()
            re.match(r"(a+)+$", "a" * 64 + "b")


def _c_loop(begin: Begin) -> None:
    """Never return to the interpreter, so that no signal handler of Python ever runs."""
    deque(itertools.chain(map(_called, [begin]), itertools.repeat(0)), maxlen=0)


def _c_loop_beside(begin: Begin) -> None:
    """Another thread keeps the GIL for ever, so the main thread cannot end."""
    sys.setswitchinterval(1e-6)
    threading.Thread(target=_c_loop, args=(begin,), daemon=True).start()
    time.sleep(3600)


def _called(function: Begin) -> None:
    function()


def _pipe(begin: Begin) -> None:
    begin()
    os.read(os.pipe()[0], 1)


def _flock(begin: Begin) -> None:
    """Wait for a lock that is held: here by this process itself."""
    with tempfile.NamedTemporaryFile() as held, Path(held.name).open() as wanted:
        fcntl.flock(held, fcntl.LOCK_EX)
        begin()
        fcntl.flock(wanted, fcntl.LOCK_EX)


def _slept_through(begin: Begin) -> None:
    """Wait for a lock, while another thread gets the signal."""
    threading.Thread(target=time.sleep, args=(CHAINS_S,), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    begin()
    threading.Event().wait()


def _ignoring(begin: Begin) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin()
    while True:
        signal.pause()


def _catching(begin: Begin) -> NoReturn:
    while True:
        with suppress(BaseException):
            begin()
            time.sleep(60)


def _masked(begin: Begin) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    begin()
    time.sleep(3600)


def _stopped(begin: Begin) -> None:
    begin()
    os.kill(os.getpid(), signal.SIGSTOP)


def _default(begin: Begin) -> None:
    """Die at SIGTERM, as most programs do, and leave children behind."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    child = subprocess.Popen(["sleep", "1000"])
    begin()
    child.wait()


def _headless_root(begin: Begin) -> None:
    """End the first thread, while another one goes on."""
    threading.Thread(target=time.sleep, args=(3600,)).start()
    begin()
    ctypes.CDLL(None).syscall(SYS_EXIT, 0)


WAYS: dict[str, Callable[[Begin], None]] = {
    "regex": _regex,
    "c_loop": _c_loop,
    "c_loop_beside": _c_loop_beside,
    "pipe": _pipe,
    "flock": _flock,
    "slept_through": _slept_through,
    "ignoring": _ignoring,
    "catching": _catching,
    "masked": _masked,
    "stopped": _stopped,
    "default": _default,
    "headless": _headless_root,
}


@handler("hard")
def hard(data: Any) -> None:
    """Do not end, in the way that `data` names; touch a file when that has begun."""
    WAYS[data["way"]](Path(data["file"]).touch)


@handler("unending_async")
async def unending_async(data: Any) -> None:
    """Swallow every cancellation."""
    Path(data["file"]).touch()
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Path(data["file"]).write_text("cancelled")


@handler("mask")
def mask(data: Any) -> None:
    """Block SIGTERM, and leave it so."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


# Ways to leave something behind


def _children(_mark: str) -> None:
    for _ in range(3):
        subprocess.Popen(["sleep", "1000"])


def _session(_mark: str) -> None:
    subprocess.Popen(["sleep", "1000"], start_new_session=True)


def _daemon(mark: str) -> None:
    """Start a textbook daemon: two forks, a session, no files, no folder, no environment."""
    if pid := os.fork():
        os.waitpid(pid, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0)
    os.closerange(0, 1024)
    program = "import time; time.sleep(1000)"
    os.execve(sys.executable, [sys.executable, "-S", "-c", program, mark], {})  # noqa: S606


def _pipeline(_mark: str) -> None:
    """Start a shell with a child for each of three programs, without waiting for them."""
    subprocess.Popen(["sh", "-c", "sleep 1000 | cat | cat >/dev/null; :"])


def _headless(_mark: str) -> None:
    """Start a process whose first thread has ended: the process table shows it as a zombie."""
    if os.fork():
        return
    threading.Thread(target=time.sleep, args=(1000,)).start()
    ctypes.CDLL(None).syscall(SYS_EXIT, 0)


def _chains(_mark: str) -> None:
    """Start processes that are gone before one can look at them twice."""
    until = time.monotonic() + CHAINS_S
    gate, gatekeeper = os.pipe()  # else the first ones would leave no time to start the others
    for _ in range(CHAINS):
        if os.fork() == 0:
            os.close(gatekeeper)
            os.read(gate, 1)
            while time.monotonic() < until:
                time.sleep(0.005)
                if os.fork():
                    break
            os._exit(0)
    os.close(gatekeeper)


TREES = {
    "children": _children,
    "session": _session,
    "daemon": _daemon,
    "pipeline": _pipeline,
    "headless": _headless,
    "chains": _chains,
}


@handler("tree", grace_s=0)
def tree(data: Any) -> None:
    """Start what `data` names; touch a file; then wait, return or crash."""
    _grow(data)
    match data["then"]:
        case "return":
            return
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(3600)


@handler("limited_tree", timeout_s=1, grace_s=0)
def limited_tree(data: Any) -> None:
    """Like tree, but longer than it may."""
    _grow(data)
    time.sleep(3600)


def _grow(data: Any) -> None:
    for kind in data["kinds"]:
        TREES[kind](data["mark"])
    Path(data["file"]).touch()


# Results


@handler("bulky", grace_s=0)
def bulky(data: Any) -> str:
    """Return a string whose JSON has this many bytes, and twice as many in its frame."""
    return '"' * ((int(data["bytes"]) - 2) // 2)


# Clean-up


@handler("careful")
def careful(data: Any, job: JobContext) -> None:
    """Clean up in every way that there is; each writes a line."""
    with _Told(data["file"], "with"):
        try:
            try:
                Path(data["file"]).touch()
                time.sleep(3600)
            finally:
                time.sleep(0.05)  # a clean-up may take some time
                _tell(data["file"], "finally")
        except JobAborted:
            _tell(data["file"], "except")
            raise


@handler("careful_async")
async def careful_async(data: Any) -> None:
    """The same with await, in the handler itself and in a task of it."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_careful_task(data["file"]))
        with _Told(data["file"], "with"):
            try:
                Path(data["file"]).touch()
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.05)
                _tell(data["file"], "finally")


async def _careful_task(file: str) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        _tell(file, "task")


class _Told:
    def __init__(self, file: str, word: str) -> None:
        self._file, self._word = file, word

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        _tell(self._file, self._word)


def _tell(file: str, word: str) -> None:
    with Path(file).open("a") as text:
        text.write(f"{word}\n")


def _undo_once_allowed(data: Any, job: JobContext) -> None:
    """Report its process and the job's living processes; end once a file allows it."""
    pids = Path(data["file"]).read_text().split()
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    _tell(data["file"] + ".undone", f"{os.getpid()} {left}")
    while not Path(data["file"] + ".allowed").exists():
        time.sleep(0.005)


@handler("undone_when_allowed", on_abort=_undo_once_allowed, grace_s=0)
def undone_when_allowed(data: Any) -> None:
    """Wait, with a child process; its clean-up waits as well."""
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    Path(data["file"]).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(3600)


def _undo_for_ever(data: Any) -> None:
    _c_loop(lambda: _tell(data["file"] + ".undone", str(os.getpid())))


@handler("undone_for_ever", on_abort=_undo_for_ever, timeout_s=0.7, grace_s=0)
def undone_for_ever(data: Any) -> None:
    """Wait; its clean-up does not end."""
    Path(data["file"]).touch()
    time.sleep(3600)
