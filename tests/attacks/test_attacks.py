"""The short form of `python -m tests.attacks`: some seconds of each attack that once did harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks import ATTACKS
from tests.attacks.attack import Attack
from tests.attacks.run import attacked, limited_node
from tests.attacks.users import percentile
from tests.support.effort import rounds

HARMFUL = (
    "gzip bombs",
    "unfinished bodies",
    "nested arrays",
    "half headers",
    "unread lists",
    "pipelines",
)
MEMORY_MB = 700.0
"""What docs/operating.md promises for 1,024 descriptors."""
HEALTH_MS = 1000.0
"""A machine that runs other tests is slow; without the limits it is many seconds."""


@pytest.mark.parametrize(
    "attack", [each for each in ATTACKS if each.name in HARMFUL], ids=lambda each: each.name
)
async def test_under_attack_a_node_answers_and_its_jobs_run_on(
    attack: Attack, tmp_path: Path
) -> None:
    """Health, aborts and leases need the event loop, a connection and memory."""
    node = limited_node(tmp_path, attack.descriptors)
    try:
        notes = await attacked(attack, node, seconds=rounds(1, long=2))
    finally:
        node.close()

    assert (notes.status, notes.attempt) == ("running", 1)
    assert notes.failures == []
    assert percentile(notes.health_ms, 0.5) < HEALTH_MS
    assert percentile(notes.abort_ms, 0.5) < HEALTH_MS
    assert notes.memory_mb < MEMORY_MB
