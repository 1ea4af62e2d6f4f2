"""Handlers that leave something behind in their process, which the next job must not find."""

from __future__ import annotations

import _thread
import ctypes
import os
import resource
import signal
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler

CLONE_PARENT = 0x8000
PR_SET_CHILD_SUBREAPER = 36


@handler("leave_timer")
def leave_timer(data: Any) -> Any:
    """Return before an alarm that ends the process."""
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    return os.getpid()


@handler("leave_place")
def leave_place(data: Any) -> Any:
    """Return in another folder, with another umask than it began with."""
    began = [str(Path.cwd()), os.umask(0o123)]
    os.chdir("/")
    return began


@handler("leave_limit")
def leave_limit(data: Any) -> Any:
    """Return with a lower resource limit than this process began with."""
    limit = getattr(resource, data)
    resource.setrlimit(limit, (100, resource.getrlimit(limit)[1]))
    return os.getpid()


@handler("leave_nice")
def leave_nice(data: Any) -> Any:
    """Return with a lower priority than this process began with."""
    os.nice(1)
    return os.getpid()


@handler("leave_sigterm")
def leave_sigterm(data: Any) -> Any:
    """Return after the job sent SIGTERM to its own process."""
    os.kill(os.getpid(), signal.SIGTERM)
    return os.getpid()


@handler("leave_raw_thread")
def leave_raw_thread(data: Any) -> Any:
    """Return, while a thread runs that the module `threading` does not know."""
    begun = _thread.allocate_lock()
    begun.acquire()

    def run() -> None:
        begun.release()
        time.sleep(1000)

    _thread.start_new_thread(run, ())
    begun.acquire()
    return os.getpid()


@handler("leave_wild_child")
def leave_wild_child(data: Any) -> Any:
    """Return, with a child whose end sends no signal, and which few kinds of wait see."""
    sleeping(0)
    return os.getpid()


def sleeping(flags: int) -> int:
    """Start a sleeping process by clone(2) with only these flags; its number."""
    libc = ctypes.CDLL(None)
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    if (pid := int(libc.syscall(number, flags, 0, 0, 0, 0))) == 0:
        libc.sleep(1000)
        libc._exit(0)
    return pid


VOICES: list[JobContext] = []


@handler("leave_voice")
def leave_voice(data: Any, job: JobContext) -> Any:
    """Return, and leave this job's context to the next job."""
    VOICES.append(job)
    return os.getpid()


@handler("wake_voice")
def wake_voice(data: Any) -> Any:
    """Send messages as the previous job."""
    for job in VOICES:
        job.notify("too late")
        job.progress(99)
    return os.getpid()


@handler("chatter")
def chatter(data: Any, job: JobContext) -> Any:
    """Wait for ever, while threads send without a pause; record when the main one cleans up."""

    def talk() -> None:
        for number in count():
            job.notify(number)

    try:
        for _ in range(4):
            threading.Thread(target=talk, daemon=True).start()
        Path(data["file"]).write_text("begun")
        time.sleep(3600)
    finally:
        Path(data["file"]).write_text("cleaned up")


@handler("sibling")
def sibling(data: Any) -> Any:
    """Start a child of the parent: a sibling of this process, not a descendant."""
    pid = sleeping(CLONE_PARENT | signal.SIGCHLD)
    return leave(pid, data)


@handler("unadopted")
def unadopted(data: Any) -> Any:
    """Start a daemon, after this process has stopped adopting orphans."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if (pid := os.fork()) == 0:
            time.sleep(1000)
        os.write(tell, str(pid).encode())
        os._exit(0)
    os.wait()
    return leave(int(os.read(told, 20)), data)


def leave(pid: int, data: Any) -> int:
    """Report which process was started; then return, or wait for ever."""
    Path(data["file"]).write_text(str(pid))
    if data["waits"]:
        time.sleep(3600)
    return pid


@handler("stop_parent")
def stop_parent(data: Any) -> Any:
    """Stop the fork server, which also reports deaths; then wait for ever."""
    os.kill(os.getppid(), signal.SIGSTOP)
    Path(data["file"]).write_text("begun")
    time.sleep(3600)


@handler("kill_parent")
def kill_parent(data: Any) -> Any:
    """Kill the fork server, which also reports deaths."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
