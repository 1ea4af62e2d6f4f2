"""Memory and processor time of a node's processes, by kind of process.

Memory is PSS: a page that several processes share counts in equal parts for each of them, so the
sum over a node's processes is what the node takes of the machine. Processor time is from each
process's own clock.
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
"""The pattern in the command line of each kind of process."""
POOL_PROCESSES: Final = "pool processes"
"""Processes that the fork server started; their command line is the same as its own."""
CPUCLOCK_SCHED: Final = 2
"""The part of a clock id for the time a process was scheduled; see clock_getcpuclockid(3)."""


class Node(Protocol):
    """What is needed of a node."""

    def processes(self) -> Sequence[int]:
        """The ids of all processes that it started, and its own."""


def by_kind(node: Node) -> Mapping[str, Sequence[int]]:
    """The ids of all processes of a node, by kind."""
    found: dict[str, list[int]] = {}
    for pid in node.processes():
        found.setdefault(_kind(pid), []).append(pid)
    return found


def pss_mb(pids: Iterable[int]) -> float:
    """The memory of these processes, all together."""
    return sum(_number(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids) / KB_OF_MB


def cpu_s(pids: Iterable[int]) -> float:
    """The processor time that these processes took so far, all together."""
    return sum(time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED) for pid in pids)


def _kind(pid: int) -> str:
    kind, parents = (_kind_by_command(each) for each in (pid, _parent(pid)))
    return POOL_PROCESSES if kind == parents == FORK_SERVER else kind


def _kind_by_command(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return next((kind for kind, words in KINDS.items() if re.search(words, command)), "others")


def _parent(pid: int) -> int:
    return _number(Path(f"/proc/{pid}/status"), "PPid")


def _number(file: Path, name: str) -> int:
    """A number from a file of /proc."""
    found = re.search(rf"^{name}:\s+(\d+)", file.read_text(), re.MULTILINE)
    assert found, file
    return int(found[1])
