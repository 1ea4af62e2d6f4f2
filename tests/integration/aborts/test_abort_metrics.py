"""What operators see of aborts: a histogram of the time to the proven death, by signal."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.eventually import eventually
from tests.support.nodes import Node


@pytest.mark.parametrize(("grace_s", "signal"), [(0, "SIGKILL"), (30, "SIGTERM")])
async def test_an_abort_is_counted_by_its_last_signal_with_the_time_of_its_receipt(
    node: Node, begun: Path, grace_s: float, signal: str
) -> None:
    """An alarm on slow aborts must mean what the receipts say."""
    before = await histogram(node)
    job = await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    _, job = await node.abort(job, f"grace_s={grace_s}&wait=30")

    async def counted() -> bool:
        now = await histogram(node)
        return now.get(("count", signal), 0) == before.get(("count", signal), 0) + 1

    await eventually(counted, saying="it is counted")
    after = await histogram(node)
    gained = {key: value - before.get(key, 0) for key, value in after.items()}
    assert gained.pop(("count", signal)) == 1
    assert gained.pop(("sum", signal)) == pytest.approx(job["abort"]["latency_ms"] / 1000)
    assert not any(gained.values()), "under the other signals nothing is new"


async def histogram(node: Node) -> dict[tuple[str, str], float]:
    """Count and sum of the aborts, by signal."""
    async with (
        aiohttp.ClientSession(node.url) as session,
        session.get("/-/metrics") as answer,
    ):
        families = text_string_to_metric_families(await answer.text())
        (aborts,) = [each for each in families if each.name == "scheduler_abort_seconds"]
    return {
        (sample.name.rpartition("_")[2], sample.labels["signal"]): sample.value
        for sample in aborts.samples
        if sample.name.endswith(("_count", "_sum"))
    }
