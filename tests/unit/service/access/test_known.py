"""What a node trusts of what it has read, under a flood of invented keys too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping

import pytest

from scheduler.basics.background import background
from scheduler.service.access import known as module
from scheduler.service.access.known import KNOWN_S, Known
from tests.fakes import FakeClock
from tests.support.eventually import eventually

GOOD = "good"


class Store:
    """A store that counts its looks, and answers once it may."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {GOOD: "ada"}
        self.looks: list[set[str]] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def look(self, keys: Collection[str]) -> Mapping[str, str]:
        self.looks.append(set(keys))
        await self.answers.wait()
        return {key: self.there[key] for key in keys if key in self.there}


class At:
    """A store, and a node that knows something of it."""

    def __init__(self) -> None:
        self.store, self.clock = Store(), FakeClock()
        self.known = Known(self.store.look, self.clock)

    async def flood(self, number: int) -> None:
        """Ask for so many invented keys at once."""
        async with asyncio.TaskGroup() as group:
            for each in range(number):
                group.create_task(self.known.get(f"invented {each}"))


@pytest.fixture(name="at")
async def at_fixture() -> AsyncIterator[At]:
    at = At()
    async with background(known=at.known.run()):
        yield at


async def test_the_store_is_asked_once_in_five_seconds_also_for_what_is_not_there(at: At) -> None:
    """A client with an old token may ask a hundred times a second."""
    for _ in range(3):
        assert await at.known.get(GOOD) == "ada"
        assert await at.known.get("gone") is None
    assert at.store.looks == [{GOOD}, {"gone"}]
    at.clock.advance(KNOWN_S)
    await at.known.get("gone")
    assert at.store.looks[2:] == [{"gone"}]


async def test_invented_keys_push_out_nothing_that_was_found(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each request with a good token would ask the store while a flood lasts."""
    monkeypatch.setattr(module, "KNOWN_MAX", 3)
    await at.known.get(GOOD)
    await at.flood(20)
    assert len(at.known._missing) == 3, "nor do they fill the memory"
    looks = len(at.store.looks)
    assert await at.known.get(GOOD) == "ada"
    assert len(at.store.looks) == looks


async def test_a_flood_of_invented_keys_shares_its_looks(at: At) -> None:
    """Without the pause, each that comes alone would be a look of its own."""
    await at.known.get("the first")
    async with asyncio.TaskGroup() as group:
        for each in range(50):  # one after the other
            group.create_task(at.known.get(f"invented {each}"))
            await asyncio.sleep(0)
    assert len(at.store.looks) == 2


async def test_what_was_found_once_never_waits_behind_invented_keys(at: At) -> None:
    """A look for those may take long: a good token that must be looked up again goes on."""
    await at.known.get(GOOD)
    at.clock.advance(KNOWN_S)
    at.store.answers.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(at.flood(5))
        await eventually(lambda: len(at.store.looks) == 2)
        again = group.create_task(at.known.get(GOOD))
        await eventually(lambda: len(at.store.looks) == 3)
        at.store.answers.set()
    assert again.result() == "ada"
    assert at.store.looks[2] == {GOOD}


async def test_what_was_noted_or_forgotten_counts_at_once(at: At) -> None:
    """Whoever has just logged in or out notices it with his next request."""
    assert await at.known.get("new") is None
    at.known.note("new", "bob")
    assert await at.known.get("new") == "bob"
    at.known.forget("new")
    assert await at.known.get("new") is None
