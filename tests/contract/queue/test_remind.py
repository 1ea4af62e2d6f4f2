"""What the port `Queue` promises about a server that lost ids: one node reminds it of all of them.

The fake is tested, too, since other tests rely on it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.model.machines.queue_machine import Place
from tests.model.places import KINDS, opening
from tests.support.eventually import eventually
from tests.support.queues import ANSWER_S, all_of, one_of
from tests.support.servers.redis import RedisServer
from tests.support.stores import waiting

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
    """A function that sets how long the next node that reminds may be silent."""

    def set_to(seconds: float) -> None:
        for implementation in ("scheduler.queue.redis_queue", "tests.fakes.queue"):
            monkeypatch.setattr(f"{implementation}.REMIND_S", seconds)

    return set_to


async def test_the_server_is_forgetful_to_one_node_at_a_time(place: Place) -> None:
    """Else each id would be enqueued once by each node."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    assert not await b.forgetful()
    assert await a.remind(waiting("1", "2"))
    assert not await b.remind(waiting("3"))
    await b.remember()
    assert await a.forgetful(), "nobody else can say that it knows all"

    await a.remember()
    assert not await a.forgetful()
    assert not await b.forgetful()
    assert not await a.remind(waiting("4"))
    assert await all_of(b, expected=2) == ["1", "2"]


async def test_a_reminded_id_wakes_a_worker(place: Place) -> None:
    """As after every enqueue."""
    a = await place.open("a")
    assert await a.forgetful()
    assert await a.remind(waiting("1"))
    assert await one_of(a, wait_s=ANSWER_S) == "1"


async def test_when_the_node_that_reminds_dies_another_one_takes_over(
    place: Place, patience: Callable[[float], None]
) -> None:
    """If the first one is not dead after all, it stops."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    patience(SOON_S)
    assert await a.remind(waiting("1"))
    patience(1000)
    await eventually(b.forgetful)

    assert not await a.forgetful()
    assert not await a.remind(waiting("2"))
    await a.remember()
    assert await b.forgetful()
    assert await all_of(b) == ["1"]


async def test_a_node_that_never_reminds_does_not_keep_others_from_it(
    place: Place, patience: Callable[[float], None]
) -> None:
    """Its store may be away for it alone: it calls `forgetful` in every sweep, but not `remind`."""
    a, b = await place.open("a"), await place.open("b")
    patience(SOON_S)
    assert await a.forgetful()

    async def b_must_remind() -> bool:
        told = await b.forgetful()
        await a.forgetful()
        return told

    await eventually(b_must_remind)


async def test_when_it_forgets_again_meanwhile_any_node_can_begin_again(place: Place) -> None:
    """The ids sent before are gone, so to continue or to remember would be wrong."""
    a, b = await place.open("a"), await place.open("b")
    assert await a.forgetful()
    assert await a.remind(waiting("1"))
    await place.flush()

    assert not await a.remind(waiting("2"))
    await a.remember()
    assert await b.forgetful()
    assert not await a.forgetful()
    assert await all_of(b, expected=0) == []
