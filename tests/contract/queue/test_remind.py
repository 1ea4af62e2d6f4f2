"""What `ports.Queue` promises about a server that forgot: one node tells it all, and never in vain.

Against the fake as well, by which other tests go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.model.places import KINDS, opening
from tests.model.queue_machine import Place
from tests.support.eventually import eventually
from tests.support.queues import ANSWER_S, all_of
from tests.support.redis import RedisServer

SOON_S = 0.05


@pytest.fixture(name="place", params=KINDS)
async def place_fixture(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    tmp_path: Path,
) -> AsyncIterator[Place]:
    async with opening(request.param, redis_server, tmp_path) as fresh:
        place = await fresh()
        yield place
        await place.leftovers()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets how long a node may be silent that is next told to remind, or next reminds."""

    def set_to(seconds: float) -> None:
        for implementation in ("scheduler.queue.redis_queue", "tests.fakes.queue"):
            monkeypatch.setattr(f"{implementation}.REMIND_S", seconds)

    return set_to


async def test_one_node_at_a_time_is_told_that_the_server_forgot(place: Place) -> None:
    """Else each id would wait as often as there are nodes."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    assert not await b.forgetful()
    assert await a.remind(["1", "2"])
    assert not await b.remind(["3"])
    await b.remember()
    assert await a.forgetful(), "nobody else can say that it knows all"

    await a.remember()
    assert not await a.forgetful()
    assert not await b.forgetful()
    assert not await a.remind(["4"])
    assert await all_of(b, expected=2) == ["1", "2"]


async def test_what_it_is_reminded_of_wakes_a_worker(place: Place) -> None:
    """As all that is enqueued."""
    a = await place.open("a")
    assert await a.forgetful()
    assert await a.remind(["1"])
    assert await a.dequeue(wait_s=ANSWER_S) == "1"


async def test_when_the_node_that_reminds_dies_another_one_does_it(
    place: Place, patience: Callable[[float], None]
) -> None:
    """And should it not have died, it stops."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    patience(SOON_S)
    assert await a.remind(["1"])
    patience(1000)
    await eventually(b.forgetful)

    assert not await a.forgetful()
    assert not await a.remind(["2"])
    await a.remember()
    assert await b.forgetful()
    assert await all_of(b) == ["1"]


async def test_a_node_that_gets_no_further_does_not_keep_others_from_it(
    place: Place, patience: Callable[[float], None]
) -> None:
    """Its store may be away for it alone: it asks with every sweep, and reminds of nothing."""
    a, b = await place.open("a"), await place.open("b")
    patience(SOON_S)
    assert await a.forgetful()

    async def b_is_told() -> bool:
        told = await b.forgetful()
        await a.forgetful()
        return told

    await eventually(b_is_told)


async def test_when_it_forgets_again_meanwhile_any_node_begins_anew(place: Place) -> None:
    """What it was reminded of before is gone, so to go on or to remember would be wrong."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    assert await a.remind(["1"])
    await place.flush()

    assert not await a.remind(["2"])
    await a.remember()
    assert await b.forgetful()
    assert not await a.forgetful()
    assert await all_of(b, expected=0) == []
