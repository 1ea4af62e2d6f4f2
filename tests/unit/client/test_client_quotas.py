"""What both clients do about quotas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from atlanscheduler_client import NewJob, QuotaExceeded, Usage, UserLimits
from scheduler.core.quotas.quota import Quota, Quotas
from tests.support.eventually import eventually
from tests.unit.api.conftest import Api, Parts, build
from tests.unit.client.conftest import Either

QUOTAS = Quotas(
    [
        Quota(pattern="a*", queued_max=1),
        Quota(pattern="fast", submits_per_s=1),
        Quota(pattern="two", running_max=2, weight=3),
    ]
)


@pytest.fixture(name="parts")
def parts_fixture() -> Parts:
    return build(quotas=QUOTAS)


@pytest.fixture(name="api")
async def api_fixture(parts: Parts, aiohttp_client: AiohttpClient) -> Api:
    client = await aiohttp_client(parts.app)
    return Api(client, parts.store, parts.queue, parts.clock, parts.draining)


async def test_a_refusal_has_the_limits_and_when_to_come_again(client: Either) -> None:
    """A program can tell its user, or wait."""
    await client.do("submit", "ada", "task1")
    with pytest.raises(QuotaExceeded, match="has 1 queued job,") as caught:
        await client.do("submit", "ada", "task1")
    error = caught.value
    assert [tuple(each) for each in error.violations] == [("queued", "ada", 1, 1)]
    assert (error.status, error.retry_after_s) == (429, 5.0)
    with pytest.raises(QuotaExceeded) as caught:
        await client.do("submit_all", [NewJob(uid="ada", task="task1")] * 2)
    assert caught.value.retry_after_s is None


async def test_a_client_with_time_waits_as_it_is_told(
    connect: Callable[..., Any], api: Api, parts: Parts
) -> None:
    """A loop that submits a little too fast goes on by itself, and no faster than it may."""
    client = await connect(str(api.client.make_url("/")), retry_s=60)
    first = await client.do("submit", "fast", "task1")
    async with asyncio.TaskGroup() as group:
        second = group.create_task(client.do("submit", "fast", "task1"), name="submit")
        refused = parts.job_events.count
        await eventually(lambda: refused("submissions_refused_total", policy="submit") == 1)
        api.clock.advance(1)
    assert second.result().id != first.id
    assert refused("submissions_refused_total", policy="submit") == 1


async def test_usage_comes_back_typed(client: Either, api: Api) -> None:
    """As everything else."""
    await api.submit("ada")
    assert await client.do("usage", "ada") == Usage(
        uid="ada",
        queued=1,
        queued_is_exact=True,
        running=0,
        pattern="a*",
        limits=UserLimits(queued_max=1, submits_per_s=None),
    )
    bob = await client.do("usage", "bob")
    assert (bob.limits, bob.weight) == (None, 1.0)
    two = await client.do("usage", "two")
    assert (two.limits.running_max, two.weight) == (2, 3.0)
