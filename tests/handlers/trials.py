"""Handlers that do what handlers should not, for the tests."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scheduler import JobAborted, JobContext, handler


@handler("echo")
def echo(data: Any) -> Any:
    """Return the data."""
    return data


@handler("told")
def told(data: Any, job: JobContext) -> Any:
    """Return the fields of the job context."""
    return {"id": job.id, "uid": job.uid, "attempt": job.attempt, "hook": job.hook}


@handler("async_echo")
async def async_echo(data: Any) -> Any:
    """Return the data, after one step of the event loop."""
    await asyncio.sleep(0)
    return data


@handler("fail")
def fail(data: Any) -> Any:
    """Raise."""
    raise ValueError(data)


@handler("exit")
def leave(data: Any) -> Any:
    """Raise SystemExit."""
    sys.exit(data)


@handler("crash")
def crash(data: Any) -> Any:
    """Die: by a signal where the number is negative, else with that exit status."""
    if data < 0:
        os.kill(os.getpid(), -data)
        signal.pause()
    os._exit(data)


@handler("nonsense")
def nonsense(data: Any) -> Any:
    """Return what is not JSON."""
    return {"object": object, "nan": float("nan"), "surrogate": "\ud800"}[data]


class Hostile(dict[str, int]):
    """A dict that fails while it is encoded."""

    def items(self) -> Any:
        raise SystemExit("no items")


class Unspeakable(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise SystemExit("no words")


@handler("hostile")
def hostile(data: Any) -> Any:
    """Return or raise an object that fails when it is read."""
    match data:
        case "result":
            return Hostile(a=1)
        case "text":
            raise Unspeakable
        case "name":
            raise type("X" * 5_000_000, (Exception,), {})
        case _:
            raise ValueError("\0" * 100_000)


@handler("large")
def large(data: Any) -> Any:
    """Return a string of this many bytes."""
    return "x" * int(data)


@handler("wait")
def wait(data: Any, job: JobContext) -> Any:
    """Touch a file, then wait for ever; write into the file how it ended."""
    path = Path(data["file"])
    path.write_text("begun")
    try:
        while True:
            time.sleep(60)
    except JobAborted:
        path.write_text("unwound")
        raise


@handler("async_wait")
async def async_wait(data: Any) -> Any:
    """Like wait, but async."""
    path = Path(data["file"])
    path.write_text("begun")
    try:
        await asyncio.sleep(3600)
    finally:
        path.write_text("unwound")


@handler("stubborn")
def stubborn(data: Any) -> Any:
    """Refuse to end, whatever comes."""
    Path(data["file"]).write_text("begun")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:  # noqa: SIM105 - as people write it
            time.sleep(60)
        except BaseException:  # noqa: BLE001, S110
            pass


@handler("regex")
def regex(data: Any) -> Any:
    """Hold the GIL in C for ever."""
    Path(data["file"]).write_text("begun")
    return bool(re.match(r"(a+)+$", "a" * 64 + "b"))


@handler("digest", timeout_s=300)
def digest(data: Any) -> Any:
    """Use the CPU in C for ever."""
    Path(data["file"]).write_text("begun")
    while True:
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10_000_000)


@handler("late_and_stubborn", timeout_s=0.2, grace_s=3000)
def late_and_stubborn(data: Any) -> Any:
    """Run longer than its time limit; write into a file that it was stopped, and go on."""
    try:
        time.sleep(3600)
    except JobAborted:
        Path(data["file"]).write_text("told")
        time.sleep(3600)


@handler("limited", timeout_s=0.2, grace_s=0)
def limited(data: Any) -> Any:
    """Run longer than its time limit."""
    time.sleep(3600)


@handler("children")
def children(data: Any) -> Any:
    """Start children: plain, in a session of its own, and one that detached itself; then wait."""
    subprocess.Popen(["sleep", "1000"])
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.run(["sh", "-c", "(setsid sleep 1000 >/dev/null 2>&1 &) ; exit 0"], check=True)
    Path(data["file"]).write_text("begun")
    time.sleep(3600)


@handler("leave_child")
def leave_child(data: Any) -> Any:
    """Return, with a child still running."""
    return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid


@handler("leave_thread")
def leave_thread(data: Any) -> Any:
    """Return, with a thread still running."""
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return None


@handler("leave_fork")
def leave_fork(data: Any) -> Any:
    """Return twice."""
    return os.fork()


@handler("count")
def count(data: Any, job: JobContext) -> Any:
    """Report progress for each of this many steps."""
    for i in range(data["n"]):
        job.progress(i + 1, data["n"], f"step {i + 1}")
    return data["n"]


def _undo(data: Any, job: JobContext) -> None:
    """Append a line each time it runs."""
    with Path(data["file"] + ".undone").open("a") as file:
        file.write(f"{job.id} {os.getpid()}\n")


@handler("undoable", on_abort=_undo)
def undoable(data: Any) -> Any:
    """Wait for ever; has a clean-up."""
    Path(data["file"]).write_text(f"{os.getpid()}")
    time.sleep(3600)


def _fail_to_undo(data: Any) -> None:
    raise RuntimeError("cannot be undone")


@handler("not_undoable", on_abort=_fail_to_undo)
def not_undoable(data: Any) -> Any:
    """Wait for ever; its clean-up fails."""
    Path(data["file"]).write_text("begun")
    time.sleep(3600)


def _undo_at_last(data: Any, job: JobContext) -> None:
    """Raise, then crash, then undo; append a line each time."""
    _undo(data, job)
    tries = len(Path(data["file"] + ".undone").read_text().splitlines())
    if tries == 1:
        raise RuntimeError("not yet")
    if tries == 2:
        os.kill(os.getpid(), signal.SIGKILL)


@handler("undone_at_last", on_abort=_undo_at_last)
def undone_at_last(data: Any) -> Any:
    """Wait for ever; its clean-up succeeds at the third try."""
    Path(data["file"]).write_text("begun")
    time.sleep(3600)


@handler("notify")
def notify(data: Any, job: JobContext) -> Any:
    """Notify the hook, with a number that some JSON readers would round."""
    job.notify([data, 2**64 + 1])


@handler("pid")
def pid(data: Any) -> Any:
    """Return the number of the process it runs in."""
    return os.getpid()


@handler("loaded")
def loaded(data: Any) -> Any:
    """Return which modules of the scheduler are loaded in this process."""
    return sorted(name for name in sys.modules if name.startswith("scheduler."))


@handler("until")
def until(data: Any) -> Any:
    """Create a file, and return once it is removed."""
    path = Path(data["file"])
    path.write_text("begun")
    while path.exists():
        time.sleep(0.01)


@handler("exclusive")
def exclusive(data: Any) -> Any:
    """Hold a file locked for ever; fail at once where another process does."""
    with Path(data["lock"]).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Path(data["file"]).write_text("begun")
        time.sleep(3600)


@handler("trace")
def trace(data: Any) -> Any:
    """Return the trace in the environment of this process and of one that it starts."""
    child = [sys.executable, "-c", "import os; print(os.environ.get('TRACEPARENT'), end='')"]
    return [os.environ.get("TRACEPARENT"), subprocess.check_output(child, text=True)]


@handler("async_trace")
async def async_trace(data: Any) -> Any:
    """Return the trace in the environment of this process."""
    await asyncio.sleep(0)
    return os.environ.get("TRACEPARENT")


@handler("beating")
def beating(data: Any, job: JobContext) -> None:
    """Write the time to a file of the attempt's own, again and again, for so many seconds."""
    begun = now = time.monotonic()
    with Path(data["folder"], f"{job.id}-{job.attempt}").open("w") as file:
        while now < begun + data["for_s"]:
            now = time.monotonic()
            print(now, file=file, flush=True)
            time.sleep(0.005)
