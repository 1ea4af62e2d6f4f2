"""Handlers that write into the descriptors of their process, which belong to the scheduler."""

from __future__ import annotations

import json
import os
import pickle
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler

END: dict[str, Any] = {"leftovers": False, "signalled": False, "progress": None, "ran_s": 0}
"""What an end frame has besides how the job ended."""


class Touch:
    """Makes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self._path,)


@handler("write_pickles")
def write_pickles(data: Any) -> Any:
    """Write a pickle that makes a folder to all pipes and, if wanted, sockets of this process."""
    pickled = pickle.dumps(Touch(data["folder"]))
    for descriptor in _descriptors(sockets=data["sockets"]):
        os.set_blocking(descriptor, False)
        with suppress(OSError):  # it is for reading, or full
            # As `multiprocessing` writes it, and what waits for a plain one.
            os.write(descriptor, struct.pack("!i", len(pickled)) + pickled + pickled)
    return os.getpid()


@handler("forge_ends")
def forge_ends(data: Any) -> Any:
    """Write end frames for this job and, while it goes on, for those that follow."""
    for _ in range(10):
        _write_frame(returned='"forged"', **END)
        time.sleep(0.05)
    return os.getpid()


@handler("forge_all")
def forge_all(data: Any) -> Any:
    """Write a frame of this job: what its process knows, the job's own code can find out."""
    key = _key()
    for frame in data:
        _write_frame(**frame, key=key)
    time.sleep(0.2)
    return os.getpid()


@handler("take_over")
def take_over(data: Any) -> Any:
    """End this job by a frame of its own, and go on for some time, also with frames."""
    key = _key()
    for _ in range(10):
        _write_frame(returned='"mine"', **END, key=key)
        _write_frame(progress={"done": 7, "total": 7, "message": "forged"}, key=key)
        time.sleep(0.05)
    return os.getpid()


@handler("own_descriptors")
def own_descriptors(data: Any, job: JobContext) -> Any:
    """The pipes and sockets that this process can write to."""
    found = {}
    for descriptor in _descriptors(sockets=True):
        flags = Path(f"/proc/self/fdinfo/{descriptor}").read_text().split("flags:")[1].split()[0]
        if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
            found[descriptor] = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    return found


def _descriptors(*, sockets: bool) -> Iterator[int]:
    for name in [entry.name for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):
            mode = os.fstat(int(name)).st_mode
            if int(name) > 2 and (stat.S_ISFIFO(mode) or (sockets and stat.S_ISSOCK(mode))):
                yield int(name)


def _write_frame(**content: Any) -> None:
    body = json.dumps(content).encode()
    for descriptor in _descriptors(sockets=True):
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            os.write(descriptor, struct.pack(">I", len(body)) + body)


def _key() -> Any:
    """What the node sent along with this job."""
    import gc

    from scheduler.processes.child.outbox import JobOutbox

    (outbox,) = (each for each in gc.get_objects() if type(each) is JobOutbox)
    return getattr(outbox, "_key", None)
