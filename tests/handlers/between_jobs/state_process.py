"""What a process passes on to its children: environment, folder, umask, standard input."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduler import handler

LIBC = ctypes.CDLL(None)
OTHER_VARIABLES = (ctypes.c_char_p * 2)(b"LEFT=1", None)
JOB = "ATLANSCHEDULER_JOB"
"""Each job has another one."""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != JOB}


def _environment_of_a_child() -> list[str]:
    """What a command finds, which the C library has: it need not be what Python shows."""
    lines = subprocess.check_output(["/usr/bin/env"], text=True).splitlines()
    return sorted(line for line in lines if not line.startswith(f"{JOB}="))


def _set(name: str, value: str) -> Callable[[], object]:
    return lambda: os.environ.__setitem__(name, value)


def _set_in_python() -> None:
    """Set a variable that C and the children do not get."""
    os.environ["LEFT"] = "1"
    os.unsetenv("LEFT")


def _replace_variables() -> None:
    """Have C find other variables, as its programs may; those from before stay where they are."""
    ctypes.c_void_p.in_dll(LIBC, "environ").value = ctypes.addressof(OTHER_VARIABLES)


def _move_to_tokyo() -> None:
    os.environ["TZ"] = "JST-9"
    time.tzset()


def _umask() -> int:
    os.umask(was := os.umask(0))
    return was


def _standard_input() -> str:
    """Where descriptor 0 leads, and what Python and a child read there."""
    try:
        place = Path("/proc/self/fd/0").readlink()
        read = subprocess.run(["cat"], capture_output=True, check=True, text=True).stdout
        return f"{place}: {sys.stdin.read()!r} {read!r}"
    except (OSError, ValueError, AttributeError) as error:
        return type(error).__name__


def _replace_input() -> None:
    """Have descriptor 0 lead to a file with text in it."""
    with tempfile.TemporaryFile() as file:
        file.write(b"left behind")
        file.seek(0)
        os.dup2(file.fileno(), 0)


def _close_input() -> None:
    sys.stdin.close()


def _no_input() -> None:
    sys.stdin = None


STATES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "a new variable": (_set("LEFT", "1"), _environment),
    "a new variable of children": (_set("LEFT", "1"), _environment_of_a_child),
    "a changed PATH": (_set("PATH", "/nowhere"), lambda: os.environ["PATH"]),
    "a removed variable": (lambda: os.environ.pop("PATH"), _environment),
    "no variables": (os.environ.clear, _environment),
    "no variables of children": (os.environ.clear, _environment_of_a_child),
    "a variable of Python alone": (_set_in_python, _environment),
    "a variable of the C library": (lambda: os.putenv("LEFT", "1"), _environment_of_a_child),
    "none in the C library": (lambda: os.unsetenv("PATH"), _environment_of_a_child),
    "nothing in the C library": (LIBC.clearenv, _environment_of_a_child),
    "others in the C library": (_replace_variables, _environment_of_a_child),
    "a time zone": (_move_to_tokyo, lambda: time.localtime(0).tm_hour),
    "a changed folder": (lambda: os.chdir("/"), lambda: str(Path.cwd())),
    "a changed umask": (lambda: os.umask(0o123), _umask),
    "closed standard input": (_close_input, _standard_input),
    "no standard input": (_no_input, _standard_input),
    "closed descriptor 0": (lambda: os.close(0), _standard_input),
    "replaced descriptor 0": (_replace_input, _standard_input),
}


@handler("surroundings")
def surroundings(data: Any) -> Any:
    """Change a state if asked to; the state then."""
    change, state = STATES[data["state"]]
    if data["change"]:
        change()
    return state()
