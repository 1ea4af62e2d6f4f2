"""Handlers that print, in usual ways and in ways they should not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler

logger = logging.getLogger("talk")


@handler("talk")
def talk(data: Any) -> Any:
    """Print in every possible way."""
    print("printed", "ü")
    sys.stdout.write("unfinished")
    print("to stderr", file=sys.stderr)
    logger.info("logged")
    logger.debug("not logged")
    subprocess.run(["sh", "-c", "echo from a child; echo its error >&2"], check=True)
    os.write(1, b"by descriptor\n")


@handler("say_to")
def say_to(data: Any) -> Any:
    """Print one line to a stream."""
    stream, line = data
    print(line, file=getattr(sys, stream))


@handler("talk_until")
def talk_until(data: Any) -> Any:
    """Print that it begins, and end once a file exists."""
    print("begun")
    while not Path(data["file"]).exists():
        time.sleep(0.01)
    print("ended")


@handler("talk_bytes")
def talk_bytes(data: Any) -> Any:
    """Write these bytes, given as Latin-1, in as many pieces."""
    for piece in data:
        os.write(1, piece.encode("latin-1"))
        time.sleep(0.02)


@handler("talk_much")
def talk_much(data: Any) -> Any:
    """Write this many megabytes of numbered lines."""
    sys.stdout.write("the first line\n")
    block = b"".join(b"%07d %s\n" % (number, b"x" * 91) for number in range(10_000))
    for _ in range(data["megabytes"]):
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(1, rest) :]
    sys.stdout.write("the last line\n")


@handler("talk_and_die")
def talk_and_die(data: Any) -> Any:
    """Print something, and be killed at once."""
    print("last words")
    os.kill(os.getpid(), 9)


@handler("talk_and_close")
def talk_and_close(data: Any) -> Any:
    """Close its output streams, in three ways."""
    print("closing")
    sys.stdout.close()
    os.close(2)
    sys.stderr = None


@handler("talk_on", timeout_s=0.5, grace_s=5)
def talk_on(data: Any) -> Any:
    """Print until it is stopped, and then once more."""
    print("begun")
    try:
        time.sleep(3600)
    finally:
        print("stopped")


def _undo(data: Any) -> None:
    print("undone")


@handler("talk_undo", on_abort=_undo)
def talk_undo(data: Any) -> Any:
    """Print that it begins, and wait to be aborted."""
    print("begun")
    Path(data["file"]).write_text("begun")
    time.sleep(3600)


@handler("talk_after")
def talk_after(data: Any) -> Any:
    """Leave a child that goes on printing when the job has ended."""
    subprocess.Popen(["sh", "-c", "while true; do echo too late; done"])


@handler("talk_twice")
def talk_twice(data: Any) -> Any:
    """Print one line on each stream."""
    print("one")
    print("two", file=sys.stderr)


@handler("progress_until")
def progress_until(data: Any, job: JobContext) -> Any:
    """Report the step that a file names, again and again, until it is the third."""
    file, step = Path(data["file"]), 0
    while step < 3:
        step = max(step, int(file.read_text() or 0) if file.exists() else 0)
        if step:
            job.progress(step, 3)
        time.sleep(0.02)
