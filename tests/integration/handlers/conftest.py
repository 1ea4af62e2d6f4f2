"""One node with one worker for the tests of a file: each job follows in the same process.

Unless a job left the process in a state that only a new process mends.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.nodes import Node, Nodes


@pytest.fixture(scope="module", name="single")
def single_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker, as a service starts it: its output a pipe, and buffered."""
    nodes = Nodes(tmp_path_factory.mktemp("single"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PYTHONUNBUFFERED", raising=False)
            node = nodes(NODE__WORKERS=1)
        yield node
    finally:
        nodes.close()


@pytest.fixture
async def fresh(single: Node) -> Node:
    """The same node, with a process that has run no job."""
    await single.outcome("crash", 0)
    return single
