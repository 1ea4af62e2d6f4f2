"""How many slots are kept for users who run nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.job import Node
from scheduler.core.quotas.reserve import Reserve
from tests.support.stores import node


def with_workers(count: int, *, node_id: str = "a1") -> Node:
    return replace(node(node_id), workers=count)


@pytest.mark.parametrize(
    ("percent", "workers", "most"),
    [
        (0, 8, None),
        (25, 8, 6),
        (25, 3, None),  # less than one slot
        (50, 2, 1),
        (90, 1, None),
        (90, 100, 10),
        (10, 19, 18),
    ],
)
def test_a_share_of_all_slots_is_kept_rounded_down(
    percent: int, workers: int, most: int | None
) -> None:
    reserve = Reserve(percent)
    reserve.note([with_workers(workers)])
    assert reserve.busy_max() == most


def test_the_slots_of_all_nodes_count_together() -> None:
    reserve = Reserve(25)
    assert reserve.busy_max() is None  # until the nodes are known
    reserve.note([with_workers(2), with_workers(2, node_id="b1")])
    assert reserve.busy_max() == 3
    reserve.note([with_workers(2)])
    assert reserve.busy_max() is None
