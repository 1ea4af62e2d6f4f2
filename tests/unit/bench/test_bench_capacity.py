"""The model of several nodes."""

from __future__ import annotations

import pytest

from bench.harness.capacity import PerJob, apart, shared

PER_JOB = PerJob(node=100, pool=60, database=30, queue=10)


def test_parts_that_share_a_machine_share_its_cores() -> None:
    assert shared(PER_JOB, cores=2) == pytest.approx(10_000)


@pytest.mark.parametrize(
    ("nodes", "node_cores", "database_cores", "limit"),
    [
        (1, 8, 8, 10_000),  # the loop of the node
        (1, 1, 8, 6_250),  # the core that the node shares with its pool processes
        (3, 8, 8, 30_000),
        (8, 8, 1, 33_333),  # the database
        (99, 8, 99, 100_000),  # the queue
    ],
)
def test_the_first_limit_counts(
    nodes: int, node_cores: int, database_cores: int, limit: float
) -> None:
    found = apart(PER_JOB, nodes=nodes, node_cores=node_cores, database_cores=database_cores)
    assert found == pytest.approx(limit, rel=0.001)
