"""Handlers that break, replace and remember the output streams of their process."""

from __future__ import annotations

import codecs
import gc
import io
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from sys import stdout
from typing import IO, Any, TextIO

from scheduler import handler

logger = logging.getLogger("streams")
root = logging.getLogger()
KEPT: list[object] = []
BYTES = sys.stdout.buffer
ERRORS = sys.stderr
tell = partial(print, file=sys.stdout)


def say(text: str, out: TextIO = sys.stdout) -> None:
    """Print as an older library does: to what was standard output when it was imported."""
    print(text, file=out)


def _wrap(*, kept: bool = False) -> None:
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    print("wrapped")
    if kept:
        KEPT.append(sys.stdout)


def _wrap_errors() -> None:
    sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="utf-8")


def _wrap_for_nothing() -> None:
    io.TextIOWrapper(sys.stdout.buffer)
    gc.collect()


def _detach(*, kept: bool = False) -> None:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    raw = sys.stdout.detach()
    if kept:
        KEPT.append(raw)


def _encode() -> None:
    sys.stdout = codecs.getwriter("ascii")(sys.stdout.buffer)


def _none() -> None:
    sys.stdout = None
    sys.stderr = None


def _lead_nowhere() -> None:
    with Path("/dev/null").open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)


def _redirect() -> None:
    """Enter, and never leave."""
    redirect_stdout(io.StringIO()).__enter__()
    redirect_stderr(io.StringIO()).__enter__()


def _reconfigure() -> None:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="ascii", errors="strict", line_buffering=False)


def _close(stream: IO[Any] | None) -> None:
    assert stream is not None
    stream.close()


def _close_originals() -> None:
    _close(sys.__stdout__)
    _close(sys.__stderr__)


def _log_elsewhere() -> None:
    for each in root.handlers:
        if isinstance(each, logging.StreamHandler):
            each.setStream(io.StringIO())


def _close_what_logs() -> None:
    for each in root.handlers:
        if isinstance(each, logging.StreamHandler):
            each.stream.close()


BREAKS: dict[str, Callable[[], object]] = {
    "wrapped": _wrap,
    "wrapped and kept": lambda: _wrap(kept=True),
    "wrapped errors": _wrap_errors,
    "wrapped for nothing": _wrap_for_nothing,
    "detached": _detach,
    "detached and kept": lambda: _detach(kept=True),
    "encoded": _encode,
    "closed": lambda: _close(sys.stdout),
    "closed errors": lambda: _close(sys.stderr),
    "closed buffer": lambda: _close(sys.stderr.buffer),
    "closed originals": _close_originals,
    "none": _none,
    "descriptor 1 closed": lambda: os.close(1),
    "descriptor 2 closed": lambda: os.close(2),
    "all descriptors closed": lambda: os.closerange(0, 3),
    "descriptors that lead nowhere": _lead_nowhere,
    "redirected": _redirect,
    "reconfigured": _reconfigure,
    "not blocking": lambda: os.set_blocking(1, False),
    "logged elsewhere": _log_elsewhere,
    "closed what logs": _close_what_logs,
}
WAYS: dict[str, Callable[[str], object]] = {
    "from sys import stdout": lambda text: stdout.write(f"{text}\n"),
    "a default argument": say,
    "a partial": tell,
    "sys.__stdout__": lambda text: print(text, file=sys.__stdout__),
    "sys.stderr": lambda text: print(text, file=ERRORS),
    "sys.stdout.buffer": lambda text: BYTES.write(f"{text}\n".encode()),
    "an unfinished line": stdout.write,
}


@handler("break_streams")
def break_streams(data: Any) -> Any:
    """Print, then do something with the streams that outlives this job."""
    print("before")
    BREAKS[data]()


@handler("speak")
def speak(data: Any) -> Any:
    """Drop what earlier jobs kept; print and log; whether the descriptors block."""
    KEPT.clear()
    gc.collect()
    print("printed ü")
    print("to stderr", file=sys.stderr)
    logger.info("logged")
    return [os.get_blocking(1), os.get_blocking(2)]


@handler("say")
def say_once(data: Any) -> Any:
    """Write a text in one of the ways that find the stream when the file is loaded."""
    WAYS[data["way"]](data["text"])


@handler("say_until")
def say_until(data: Any) -> Any:
    """Do the same, touch a file, and end once another exists."""
    WAYS[data["way"]](data["text"])
    Path(data["file"]).touch()
    while not Path(data["end"]).exists():
        time.sleep(0.01)
