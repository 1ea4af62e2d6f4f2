"""Every queue behaves as the model does, in any interleaving of nodes and ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.effort import explore
from tests.model.machines.queue_machine import QueueMachine
from tests.model.places import KINDS, opening
from tests.support.servers.redis import RedisServer

EXAMPLES = {"memory": 60, "embedded": 15, "tcp": 25}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS)
def test_any_interleaving_of_nodes_goes_as_the_model_says(
    kind: str, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the server loses ids, and none comes more often than it was enqueued."""
    for implementation in ("scheduler.queue.redis_queue", "tests.fakes.queue"):
        monkeypatch.setattr(f"{implementation}.REMIND_S", 1000.0)  # no timeout ends
    explore(opening(kind, redis_server, tmp_path), QueueMachine, examples=EXAMPLES[kind], steps=40)
