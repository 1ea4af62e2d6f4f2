"""Processor time of whole process trees, those included that have ended meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.ours.memory_and_cpu import FORK_SERVER, POOL_PROCESSES, Node, by_kind

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
NODES: Final = "nodes"
POOLS: Final = "their pool processes"
DATABASE: Final = "PostgreSQL"
QUEUE: Final = "queue"
POOLS_KINDS: Final = (FORK_SERVER, POOL_PROCESSES)
PARTS: Final = (NODES, POOLS, DATABASE, QUEUE)


def spent_s(nodes: Sequence[Node], *, database: int, queue: int) -> Mapping[str, float]:
    """Seconds of processor time so far, by part; pool processes that were replaced count too.

    Args:
        database: the process id of PostgreSQL's first process.
        queue: the process id of the queue's server.
    """
    kinds = [by_kind(node) for node in nodes]
    pools = [each for kind in kinds for name in POOLS_KINDS for each in kind.get(name, ())]
    return {
        NODES: sum(_own_s(pid) for kind in kinds for pid in kind["node"]),
        POOLS: sum(map(_with_reaped_s, pools)),
        DATABASE: sum(_with_reaped_s(pid) for pid in (database, *_children(database))),
        QUEUE: _own_s(queue),
    }


def per_job_us(
    before: Mapping[str, float], after: Mapping[str, float], jobs: int
) -> Mapping[str, float]:
    """Microseconds of each part for each job."""
    return {part: (after[part] - before[part]) / jobs * 1e6 for part in after}


def _own_s(pid: int) -> float:
    return sum(_ticks(pid)[:2]) * TICK_S


def _with_reaped_s(pid: int) -> float:
    """Its own, and that of the children whose end it has taken note of (proc_pid_stat(5))."""
    return sum(_ticks(pid)) * TICK_S


def _ticks(pid: int) -> Sequence[int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:  # it has just ended, and its parent has counted it
        return (0, 0, 0, 0)
    return [int(field) for field in text.rpartition(") ")[2].split()[11:15]]


def _children(pid: int) -> Sequence[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
