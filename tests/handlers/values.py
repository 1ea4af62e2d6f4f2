"""Handlers that return, report and notify values of all types."""

from __future__ import annotations

import base64
import os
import pickle
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler


@handler("pickled")
def pickled(data: Any) -> Any:
    """Return what was pickled into the data."""
    return pickle.loads(base64.b64decode(data))  # noqa: S301 - from a test


@handler("deep")
def deep(data: Any) -> Any:
    """Return a list of this depth."""
    value: Any = []
    for _ in range(data - 1):
        value = [value]
    return value


@handler("digits")
def digits(data: Any) -> Any:
    """Return an integer with this number of digits, in a dict."""
    return {"n": 10 ** (data - 1)}


@handler("reports")
def reports(data: Any, job: JobContext) -> Any:
    """Report progress as libraries give it, and what is none."""
    job.progress(Decimal(2), float("nan"), Path("/a"))
    job.progress({1, 2})  # type: ignore[arg-type]
    job.progress(2**70, 10**400, object)
    return "done"


@handler("notifies")
def notifies(data: Any, job: JobContext) -> Any:
    """Notify of a deep value with long integers."""
    value: Any = 10**5000
    for _ in range(2000):
        value = [value]
    job.notify(value)


@handler("breaks")
def breaks(data: Any) -> Any:
    """Write into each socket that the process has."""
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if str(link.readlink()).startswith("socket:"):
                os.write(int(link.name), b"\xff" * 100)
    time.sleep(60)


@handler("redraws")
def redraws(data: Any) -> Any:
    """Draw a progress bar this often, as tqdm does, and warn once."""
    print("WARNING: look at this")
    for number in range(data):
        sys.stderr.write(f"\r{number:6d}/{data} |{'#' * 60}| 99.9it/s, left 00:01")
        if number == data // 2:
            sys.stderr.write("\n")
            print("halfway")
    sys.stderr.write("\n")
    sys.stderr.flush()
