"""A handler that checks itself: it holds a lock while any process of it lives, and writes a record.

FOLDER/locks/ID   held by the job and by the child that it starts
FOLDER/overlaps   a line for each attempt, or clean-up, that found the lock held
FOLDER/place-N    held by one of the jobs of a user of whom only so many may run, as its lock is
FOLDER/crowds     a line for each attempt that found no such place free
FOLDER/limiter-N  a place as well, of one of the jobs of a handler that limits how many run
FOLDER/jams       a line for each attempt that found none of those free
FOLDER/unique     held by the job that has the unique key, as its lock is
FOLDER/twins      a line for each attempt that found it held
FOLDER/begun      a line for each attempt: id, number, instant of the monotonic clock
FOLDER/undone     a line for each clean-up: id
FOLDER/failed     a line for each attempt that is about to fail, and may be tried again: id, number
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from scheduler import JobContext, Limit, Retry, handler

STEP_S = 0.05
LIMITER_MAX = 2


@contextmanager
def alone(folder: Path, job: JobContext) -> Iterator[IO[str]]:
    """Hold the job's lock, or record that another process holds it."""
    with (folder / "locks" / job.id).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(folder / "overlaps", f"{job.id} {job.attempt}")
            raise
        yield lock


@contextmanager
def placed(
    folder: Path, places: int, job: JobContext, *, name: str = "place", full: str = "crowds"
) -> Iterator[list[int]]:
    """Hold one of the places, or record that others hold all of them."""
    with ExitStack() as stack:
        for number in range(places):
            place = stack.enter_context((folder / f"{name}-{number}").open("w"))
            with suppress(BlockingIOError):
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield [place.fileno()]
                return
        if places:
            note(folder / full, f"{job.id} {job.attempt}")
        yield []


@contextmanager
def unique(folder: Path, job: JobContext, *, has_key: bool) -> Iterator[list[int]]:
    """Hold what only one job with the unique key may hold, or record that another one does."""
    if not has_key:
        yield []
        return
    with (folder / "unique").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(folder / "twins", f"{job.id} {job.attempt}")
        yield [lock.fileno()]


def note(diary: Path, line: str) -> None:
    """Add a line in one write, so that lines of many processes do not mix."""
    file = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def undo(data: Any, job: JobContext) -> None:
    """Record the clean-up, which must begin only when no process of the job lives any more."""
    folder = Path(data["folder"])
    with alone(folder, job):
        note(folder / "undone", job.id)


def fail(folder: Path, job: JobContext) -> None:
    """Fail, now with an exception, now with a crash."""
    note(folder / "failed", f"{job.id} {job.attempt}")
    if job.attempt % 2:
        raise ValueError(job.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@handler("guarded", grace_s=0.3, retry=Retry(1, backoff_s=0.5), on_abort=undo)
def guarded(data: Any, job: JobContext) -> Any:
    """Work for some time, in one of several ways, and return the number of the attempt."""
    return work(data, job, [])


@handler(
    "guarded_limited",
    grace_s=0.3,
    retry=Retry(1, backoff_s=0.5),
    limit=(Limit(LIMITER_MAX, by="/folder"), Limit(1, by=("uid", "/customer"))),
    on_abort=undo,
)
def guarded_limited(data: Any, job: JobContext) -> Any:
    """The same, and not many at once: of each customer one, as long as any process of it lives."""
    folder, customer = Path(data["folder"]), f"{job.uid}-{data['customer']}"
    with (
        placed(folder, LIMITER_MAX, job, name="limiter", full="jams") as place,
        placed(folder, 1, job, name=f"limiter-{customer}", full="jams") as of_customer,
    ):
        return work(data, job, [*place, *of_customer])


def work(data: Any, job: JobContext, held: list[int]) -> Any:
    """Work for some time; what the job starts holds its places, too."""
    folder = Path(data["folder"])
    with (
        alone(folder, job) as lock,
        placed(folder, data.get("places", 0), job) as place,
        unique(folder, job, has_key=data.get("unique", False)) as only,
    ):
        note(folder / "begun", f"{job.id} {job.attempt} {time.monotonic()}")
        if data["manner"] == "parent":
            sleep = ["sleep", "1000"]
            fds = [lock.fileno(), *place, *only, *held]
            subprocess.Popen(sleep, pass_fds=fds, start_new_session=True)
        if data["manner"] == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        steps = round(data["for_s"] / STEP_S)
        for step in range(steps):
            job.progress(step, steps)
            time.sleep(STEP_S)
        if data["manner"] == "fails":
            raise ValueError(data["n"])
        if job.attempt <= data.get("fails", 0):
            fail(folder, job)
        return {"n": data["n"], "attempt": job.attempt}


handler(
    "guarded_placed",
    grace_s=0.3,
    retry=Retry(1, backoff_s=0.5),
    needs=("fast",),
    on_abort=undo,
)(guarded)
handler("guarded_unique", grace_s=0.3, retry=Retry(1, backoff_s=0.5), on_abort=undo)(guarded)


@handler("steady")
def steady(_: Any, job: JobContext) -> Any:
    """Return the occurrence of the schedule that the job is."""
    return job.scheduled_for and job.scheduled_for.isoformat()
