"""A model of how many short jobs a second some nodes on one PostgreSQL run.

Each part takes its processor time for each job, and a node's loop has one core at most. So the
lowest of these is the limit: the loops, the cores of the nodes' machines, those of the database;
where all share a machine, its cores. Commits are no limit: many jobs share one, and a node does
other work while it waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PerJob:
    """Microseconds of processor time for each job."""

    node: float
    pool: float
    database: float
    queue: float

    @property
    def all(self) -> float:
        """On a machine that all parts share."""
        return self.node + self.pool + self.database + self.queue


def shared(per_job: PerJob, *, cores: int) -> float:
    """Jobs a second where everything shares these cores."""
    return cores * 1e6 / per_job.all


def apart(per_job: PerJob, *, nodes: int, node_cores: int, database_cores: int) -> float:
    """Jobs a second where each node, the database and the queue have machines of their own."""
    one_loop = 1e6 / per_job.node
    one_machine = node_cores * 1e6 / (per_job.node + per_job.pool)
    queue = 1e6 / per_job.queue  # its server has one thread
    return min(nodes * min(one_loop, one_machine), database_cores * 1e6 / per_job.database, queue)
