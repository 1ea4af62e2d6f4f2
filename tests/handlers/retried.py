"""Handlers whose first attempts fail, and that are tried again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

from scheduler import GiveUp, JobContext, Retry, RetryLater, handler

SOON = Retry(4, backoff_s=0.05)


class ServiceError(ConnectionError):
    """A subclass of what is retried."""


def _raise(error: BaseException) -> Never:
    raise error


FAILURES: dict[str, Callable[[], object]] = {
    "key": lambda: _raise(KeyError("n")),
    "subclass": lambda: _raise(ServiceError("refused")),
    "group": lambda: _raise(ExceptionGroup("some", [KeyError("n"), ServiceError("refused")])),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exited": lambda: os._exit(3),
    "late": lambda: time.sleep(60),
    "soon": lambda: _raise(RetryLater("busy", after_s=0.1)),
    "in an hour": lambda: _raise(RetryLater(after_s=3600)),
    "in a moment": lambda: _raise(RetryLater(after_s=1)),
    "never": lambda: _raise(GiveUp("no such customer")),
    "set": lambda: {1, 2},
}


def _undo(data: Any) -> None:
    _write(data, "undone")


@handler("retried", retry=SOON, on_abort=_undo)
def retried(data: Any, job: JobContext) -> Any:
    """Fail in the named way as often as wanted; then return the number of the attempt."""
    return _run(data, job)


@handler("retried_in_time", retry=SOON, timeout_s=0.5)
def retried_in_time(data: Any, job: JobContext) -> Any:
    """The same with a time limit."""
    return _run(data, job)


@handler("retried_for_connections", retry=Retry(4, backoff_s=0.05, on=ConnectionError))
async def retried_for_connections(data: Any, job: JobContext) -> Any:
    """The same, where only a kind of exception is retried."""
    return _run(data, job)


@handler("not_retried")
def not_retried(data: Any, job: JobContext) -> Any:
    """The same without a policy of its own."""
    return _run(data, job)


@handler("retried_for_ever", retry=Retry(1000, backoff_s=0.02), on_abort=_undo)
def retried_for_ever(data: Any, job: JobContext) -> Any:
    """Never succeed."""
    _write(data, str(job.attempt))
    raise KeyError("n")


def _run(data: Any, job: JobContext) -> Any:
    _write(data, str(job.attempt))
    if job.attempt <= data.get("fails", 1):
        return FAILURES[data["how"]]()
    return job.attempt


def _write(data: Any, word: str) -> None:
    if "file" in data:
        with Path(data["file"]).open("a") as file:
            file.write(f"{word}\n")
