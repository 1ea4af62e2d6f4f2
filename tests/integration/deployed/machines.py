"""Machines on which something is missing, made with mounts, seccomp filters and fewer rights."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.forking.client import forked_command
from tests.support.nodes import HANDLERS, ROOT

START_S = 120

NUMBERS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {"pidfd_open": 434, "pidfd_send_signal": 424, "kill": 62, "prctl": 157},
    "aarch64": {"pidfd_open": 434, "pidfd_send_signal": 424, "kill": 129, "prctl": 167},
}
"""Of system calls."""
SECCOMP = """
import ctypes, struct
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ERRNO, ALLOW, NUMBER, ARGUMENT = 0x00050000, 0x7FFF0000, 0, 16
steps = [(LOAD, 0, 0, NUMBER), (EQUAL, 0, 3, number), (LOAD, 0, 0, ARGUMENT)]
steps += [(EQUAL, 0, 1, argument)] if argument >= 0 else [(EQUAL, 0, 0, 0)]
steps += [(RETURN, 0, 0, ERRNO | error), (RETURN, 0, 0, ALLOW)]
program = b"".join(struct.pack("HBBI", *step) for step in steps)
text = ctypes.create_string_buffer(program)
header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(PR_SET_SECCOMP, FILTER, header, 0, 0) == 0, ctypes.get_errno()
"""
"""Has one system call fail, or only with this first argument, in this process and all it starts."""


class Refusal(NamedTuple):
    """How a start ended."""

    status: int
    lines: list[str]


def node_command() -> list[str]:
    return [sys.executable, "-W", "error", str(ROOT / "main.py")]


def without_call(name: str, error: int, *, argument: int = -1) -> str:
    """What a program does so that this system call fails in it."""
    numbers = NUMBERS.get(platform.machine())
    if numbers is None:
        pytest.skip(f"the numbers of system calls on {platform.machine()} are not known here")
    return f"number, argument, error = {numbers[name]}, {argument}, {error}\n{SECCOMP}"


def in_namespace(*steps: str, options: Sequence[str] = ()) -> list[str]:
    """A command to run before another, in mounts of its own on which these steps were done."""
    command = ["unshare", "--mount", *options, "sh", "-ec", "\n".join((*steps, 'exec "$@"')), "sh"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this needs mounts of its own: {tried.stderr.strip()}")
    return command


def settings(folder: Path, **more: object) -> dict[str, str]:
    """The environment of a node in this folder."""
    keys = {
        "HTTP__PORT": 0,
        "NODE__WORKERS": 1,
        "NODE__DATA_DIR": folder / "data",
        "HANDLERS__PATH": HANDLERS,
        "HANDLERS__FILES_DIR": folder / "files",
        **more,
    }
    return {**os.environ, **{f"SCHEDULER_{key}": str(each) for key, each in keys.items()}}


def refused(before: Sequence[str], folder: Path, **more: object) -> Refusal:
    """Start a node that does not start."""
    ended = subprocess.run(
        [*before, *node_command()],
        cwd=folder,
        env=settings(folder, **more),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return Refusal(ended.returncode, ended.stderr.splitlines())


async def refused_after(first: str, folder: Path) -> Refusal:
    """The same for a node that starts by a fork, and begins with these lines of Python."""
    program = folder / "prepared.py"
    main = f"runpy.run_path({str(ROOT / 'main.py')!r}, run_name='__main__')"
    program.write_text(f"import runpy\n{first}\n{main}\n")
    status, _, errors = await forked_command(
        program, (), folder, settings(folder), stdin=b"", within_s=START_S
    )
    return Refusal(status, errors.decode().splitlines())


def launcher(before: Sequence[str], folder: Path) -> Path:
    """A program for `Node`, which runs that command before the node."""
    program = folder / "launch.py"
    command = [*before, *node_command()]
    program.write_text(
        f"import os\nif __name__ == '__main__':\n    os.execvp({command[0]!r}, {command!r})\n"
    )
    return program
