"""`workers = 0` is one worker for each CPU that the node may use."""

from __future__ import annotations

from pathlib import Path

from tests.integration.deployed.machines import launcher
from tests.support.nodes import Node


async def test_a_node_that_is_bound_to_one_cpu_has_one_worker(tmp_path: Path) -> None:
    """More would take memory, and make each other slow."""
    program = launcher(["taskset", "-c", "0"], tmp_path)
    node = Node(tmp_path, {"NODE__WORKERS": 0}, program=program)
    try:
        _, nodes = await node.call("GET", "/-/nodes")
        assert [each["workers"] for each in nodes] == [1]
    finally:
        node.close()
