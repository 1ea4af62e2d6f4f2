"""The look-ups of hooks: bounded, shared, and of no use for anything else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from scheduler.webhooks import resolver as module
from scheduler.webhooks.errors import BusyError, UnansweredError, UncallableError
from scheduler.webhooks.resolver import (
    LOOKUPS_MAX,
    PER_DOMAIN_MAX,
    PER_USER_MAX,
    Resolver,
    system_addresses,
)
from tests.support.eventually import eventually


class Lookups:
    """A resolver that can be stopped."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answering = threading.Event()
        self.answering.set()

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        self.answering.wait()
        if host.startswith("unknown"):
            raise OSError("no such name")
        return ["192.0.2.1"]


@pytest.fixture
def lookups() -> Iterator[Lookups]:
    lookups = Lookups()
    yield lookups
    lookups.answering.set()


@pytest.fixture
def resolver(lookups: Lookups) -> Resolver:
    return Resolver(lookups)


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "fe80::1%lo", "2001:db8::1"])
async def test_an_address_is_not_looked_up(resolver: Resolver, lookups: Lookups, host: str) -> None:
    """So it can be called whatever the name servers do."""
    assert await resolver.addresses(host, user="ada") == [host]
    assert lookups.asked == []


async def test_a_name_is_looked_up_once_for_all_calls_in_every_spelling(
    resolver: Resolver, lookups: Lookups
) -> None:
    """And then known for a while."""
    async with asyncio.TaskGroup() as group:
        for host in ("a.example", "A.example", "a.EXAMPLE."):
            group.create_task(resolver.addresses(host, user=host))
    assert await resolver.addresses("a.example", user="bob") == ["192.0.2.1"]
    assert lookups.asked == ["a.example"]
    assert resolver.known("A.EXAMPLE.") == ["192.0.2.1"]


async def test_a_name_without_addresses_cannot_be_called(resolver: Resolver) -> None:
    """And is looked up anew for the next call: it may be there by then."""
    for _ in range(2):
        with pytest.raises(UncallableError, match="no such name"):
            await resolver.addresses("unknown.example", user="ada")
    assert resolver.known("unknown.example") == ()


async def test_a_name_that_is_not_answered_fails_in_time_and_at_once_from_then_on(
    resolver: Resolver, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread hangs on; no second one begins for it."""
    monkeypatch.setattr(module, "LOOKUP_S", 0.1)
    lookups.answering.clear()
    for _ in range(3):
        with pytest.raises(UnansweredError):
            await resolver.addresses("a.example", user="ada")
    assert lookups.asked == ["a.example"]
    lookups.answering.set()
    await eventually(lambda: resolver.known("a.example"))


async def test_what_was_known_is_used_where_a_name_is_not_answered(
    resolver: Resolver, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage of the name servers is none of the receivers."""
    monkeypatch.setattr(module, "LOOKUP_S", 0.1)
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    await resolver.addresses("a.example", user="ada")
    lookups.answering.clear()
    assert await resolver.addresses("a.example", user="ada") == ["192.0.2.1"]
    assert len(lookups.asked) == 2


@pytest.mark.parametrize(
    ("name", "user", "limit"),
    [
        ("n{}.a{}.example", "ada", PER_USER_MAX),
        ("n{}.evil.example", "u{}", PER_DOMAIN_MAX),
        ("n.a{}.test{}", "u{}", LOOKUPS_MAX),
    ],
)
async def test_no_user_and_no_domain_has_all_threads(
    resolver: Resolver, lookups: Lookups, name: str, user: str, limit: int
) -> None:
    """And all of them together have a bound, too."""
    lookups.answering.clear()
    async with asyncio.TaskGroup() as group:
        for n in range(limit):
            group.create_task(resolver.addresses(name.format(n, n), user=user.format(n)))
        await eventually(lambda: len(lookups.asked) == limit)
        with pytest.raises(BusyError):
            await resolver.addresses(name.format(limit, limit), user=user.format(limit))
        lookups.answering.set()
    assert await resolver.addresses(name.format(limit, limit), user=user.format(limit))


async def test_a_call_that_gives_up_leaves_the_look_up_to_others(
    resolver: Resolver, lookups: Lookups
) -> None:
    """A node that drains cancels its calls."""
    lookups.answering.clear()
    async with asyncio.TaskGroup() as group:
        first, second = (
            group.create_task(resolver.addresses("a.example", user="ada")) for _ in range(2)
        )
        await eventually(lambda: lookups.asked)
        first.cancel()
        lookups.answering.set()
    assert second.result() == ["192.0.2.1"]


def test_the_system_is_asked_for_each_address_once() -> None:
    """`getaddrinfo` gives one for each kind of socket."""
    found = system_addresses("localhost")
    assert len(found) == len(set(found))
    assert set(found) <= {"127.0.0.1", "::1"}
