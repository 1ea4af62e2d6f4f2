"""The benchmark of memory knows each process of a node."""

from __future__ import annotations

from bench.ours.memory_and_cpu import KINDS, POOL_PROCESSES, by_kind, cpu_s, pss_mb
from tests.support.nodes import ROOT, Nodes


async def test_each_process_of_a_node_is_of_one_kind(start_node: Nodes) -> None:
    """One of each kind, except the pool processes: one for each worker, and a spare."""
    node = start_node.start("node", {}, program=ROOT / "main.py")
    await node.alone()
    found = by_kind(node)
    expected = dict.fromkeys(KINDS, 1) | {POOL_PROCESSES: node.workers + 1}
    assert {kind: len(pids) for kind, pids in found.items()} == expected
    assert found["node"] == [node.process.pid]
    assert all(pss_mb(pids) > 1 for pids in found.values())
    assert cpu_s(found["node"]) > cpu_s(found["warden"]) > 0
