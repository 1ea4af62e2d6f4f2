"""Jobs that start many processes of many kinds."""

from __future__ import annotations

from pathlib import Path

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node
from tests.support.process_table import mark_of

KINDS = {"children": 3, "session": 1, "daemon": 1, "pipeline": 4, "headless": 1, "chains": 60}
"""How many processes each kind of the handler `tree` starts; for the chains, at least."""
COUNTABLE = sorted(KINDS.keys() - {"chains"})


async def plant(node: Node, file: Path, *kinds: str, then: str = "wait") -> Body:
    """Submit a job that starts these kinds of processes, and wait until all exist; the job."""
    before = set(node.members())
    job = await node.submit("tree", seeds(node, file, *kinds, then=then))
    await eventually(file.exists, within_s=60)
    if then == "wait" and "chains" not in kinds:
        expected = 1 + sum(KINDS[kind] for kind in kinds)
        await eventually(lambda: len(set(node.members()) | before) == len(before) + expected - 1)
    return job


def seeds(node: Node, file: Path, *kinds: str, then: str = "wait") -> dict[str, object]:
    """Data for the handlers `tree` and `limited_tree`."""
    return {"file": str(file), "kinds": kinds, "mark": mark(node), "then": then}


def mark(node: Node) -> str:
    """The mark among the arguments of processes without an environment."""
    return mark_of(node.trial)
