"""A process that has imported what a program imports, and forks it: `python -m … DESCRIPTOR KIND`.

The kind is "nodes" or "commands". The descriptor is a socket: each message on it asks for a program
of the kind, brings its standard streams, and is answered with its process number. It is no child of
this process: it is an orphan, which the kernel gives to the test that asked.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pkgutil
import runpy
import socket
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import scheduler
from scheduler.api.dashboard.files import files
from scheduler.store.statements import Dialect, migrations, statements

MESSAGE_MAX: Final = 1 << 17
STREAMS: Final = 3
MARK: Final = "TRIAL"
"""The variable by which tests find a node's processes."""
PLACEHOLDER: Final = "0" * 32
"""As long as what stands there in a node."""
NOT_IMPORTED: Final = {
    "nodes": ("scheduler.processes.child.", "scheduler.processes.warden.", "scheduler.cli."),
    "commands": ("scheduler.processes.child.", "scheduler.processes.warden."),
}


def main() -> None:
    """Import everything, and fork until the test has ended."""
    left_out = NOT_IMPORTED[sys.argv[2]]
    for module in pkgutil.walk_packages(scheduler.__path__, "scheduler."):
        if not module.name.startswith(left_out) and not module.name.endswith("__main__"):
            import_module(module.name)
    if sys.argv[2] == "nodes":
        _read()
    assert threading.active_count() == 1, "a fork would have a part of this process only"
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            message, streams, *_ = socket.recv_fds(control, MESSAGE_MAX, STREAMS)
            if not message:
                return
            pid = _orphan()
            if pid == 0:
                break
            for stream in streams:
                os.close(stream)
            control.send(str(pid).encode())
    _become(json.loads(message), streams)


def _read() -> None:
    """Read the files that each node would read, and keep: they are a part of the program."""
    files()
    for dialect in Dialect:
        statements(dialect)
        migrations(dialect)


def _orphan() -> int:
    """Fork a process whose parent has ended; its number, and 0 in it."""
    ours, theirs = os.pipe()
    parent = os.fork()
    if parent == 0:
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            os.close(theirs)
            return 0
        os.write(theirs, str(pid).encode())
        os._exit(0)
    os.waitpid(parent, 0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        return int(pipe.read())


def _become(request: Mapping[str, Any], streams: list[int]) -> None:
    """Be as if this had been started by `python main.py`, and run it."""
    os.setsid()
    os.umask(request["umask"])
    os.chdir(request["folder"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    _open_streams()
    _set_environment(request["environment"])
    _extend_path(request["environment"])
    sys.argv[1:] = request["arguments"]
    runpy.run_path(request["program"], run_name="__main__")


def _open_streams() -> None:
    """As Python opens them at its start: the old ones are what this process was started with."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115


def _set_environment(environment: Mapping[str, str]) -> None:
    """Of this process, and the mark also where /proc reads it: what was given to its program."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    mark = environment.get(MARK, PLACEHOLDER).encode()
    assert len(mark) == len(PLACEHOLDER), mark
    ctypes.memmove(getenv(MARK.encode()), mark, len(mark))
    os.environ.clear()
    os.environ.update(environment)


def _extend_path(environment: Mapping[str, str]) -> None:
    """By the folders that `python main.py` would find in its environment."""
    named = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [each for each in named if each and each not in sys.path]


if __name__ == "__main__":
    main()
