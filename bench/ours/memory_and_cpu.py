"""What a node's processes take: memory as PSS, processor time by each process's own clock.

PSS counts a page that processes share in part for each of them, so the sum over a node's processes
is what the machine gives for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

KB_OF_MB: Final = 1024
FORK_SERVER: Final = "fork server"
KINDS: Final = {
    "node": "main.py",
    "warden": "scheduler.processes.warden",
    "queue": "valkey-server|redis-server",
    "resource tracker": "multiprocessing.resource_tracker",
    FORK_SERVER: "multiprocessing.forkserver",
}
"""By a pattern in the command line."""
FORKED: Final = "pool processes"
"""What the fork server started; their command line is its own."""
SCHEDULED: Final = 2
"""The clock of a process that counts what it was scheduled for; see clock_getcpuclockid(3)."""


class Node(Protocol):
    """What is asked of a node."""

    def processes(self) -> Sequence[int]:
        """All that it started, itself included."""


def by_kind(node: Node) -> Mapping[str, Sequence[int]]:
    """All processes of a node."""
    found: dict[str, list[int]] = {}
    for pid in node.processes():
        found.setdefault(_kind(pid), []).append(pid)
    return found


def pss_mb(pids: Iterable[int]) -> float:
    """The memory of processes, all together."""
    return sum(_number(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids) / KB_OF_MB


def cpu_s(pids: Iterable[int]) -> float:
    """The processor time that processes took so far, all together."""
    return sum(time.clock_gettime((~pid << 3) | SCHEDULED) for pid in pids)


def _kind(pid: int) -> str:
    kind, parents = (_kind_by_command(each) for each in (pid, _parent(pid)))
    return FORKED if kind == parents == FORK_SERVER else kind


def _kind_by_command(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return next((kind for kind, words in KINDS.items() if re.search(words, command)), "others")


def _parent(pid: int) -> int:
    return _number(Path(f"/proc/{pid}/status"), "PPid")


def _number(file: Path, name: str) -> int:
    """A number that the kernel tells of a process."""
    found = re.search(rf"^{name}:\s+(\d+)", file.read_text(), re.MULTILINE)
    assert found, file
    return int(found[1])
