"""The processes of a job in the process table, found without the product's own code.

A process belongs to a trial, that is to a node and its jobs, by a variable in its environment, or
by a mark among its arguments where a job cleared the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path


def mark_of(trial: str) -> str:
    """The mark among the arguments of processes without an environment."""
    return f"trial-{trial}"


def bearers(trial: str) -> list[int]:
    """Every process that has the trial's variable in its environment."""
    wanted = f"TRIAL={trial}".encode()
    return [pid for pid in _pids() if wanted in proc_file(pid, "environ")]


def members(trial: str) -> list[int]:
    """Every process of the trial, even those without an environment."""
    wanted = mark_of(trial).encode()
    arguments = {pid for pid in _pids() if wanted in proc_file(pid, "cmdline")}
    return sorted(arguments | set(bearers(trial)) | _headless(trial))


def zombies(trial: str) -> list[int]:
    """Processes of the trial that have ended and are not reaped yet."""
    family = set(bearers(trial))
    return [pid for pid, (state, parent) in states().items() if state == "Z" and parent in family]


def there(pids: Iterable[int]) -> list[int]:
    """The process numbers that are in the process table, in whatever state."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def living(pids: Iterable[int]) -> list[int]:
    """The process numbers that are in the process table and are not zombies."""
    table = states()
    return [pid for pid in pids if table.get(pid, ("Z", 0))[0] not in "ZX"]


def command_of(pid: int) -> str:
    """The command of a process, and its state."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone"
    return f"{command[:200]} ({' '.join(re.findall('(?:State|PPid):(.*)', status))})"


def proc_file(pid: int, name: str) -> bytes:
    """A file of a process below /proc; empty once the process is gone."""
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - half as long
            return file.readall()
    except OSError:
        return b""


def _headless(trial: str) -> set[int]:
    """Processes whose first thread has ended; in the table they look like zombies."""
    wanted = f"TRIAL={trial}".encode()
    return {
        pid
        for pid in _pids()
        for thread in _threads(pid)
        if thread != pid and wanted in proc_file(thread, "environ")
    }


def states() -> dict[int, tuple[str, int]]:
    """State and parent of every process."""
    texts = {pid: proc_file(pid, "stat").rpartition(b") ")[2].split() for pid in _pids()}
    return {pid: (text[0].decode(), int(text[1])) for pid, text in texts.items() if text}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - likewise


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - likewise
    except OSError:
        return []
