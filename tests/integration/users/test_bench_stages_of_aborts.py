"""The benchmark of aborts finds each stage in a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cases.abort_stages import measure_stages
from bench.harness.stages import ANSWERED, STAGES, TOTAL


async def test_a_node_notes_all_that_an_abort_waits_for(tmp_path: Path) -> None:
    """A function that an abort does not call any more would end the benchmark."""
    (took,) = await measure_stages(tmp_path, rounds=1, aborts=1)
    assert sum(took[row] for row in (*STAGES.values(), ANSWERED)) == pytest.approx(took[TOTAL])
    assert min(took.values()) >= 0
