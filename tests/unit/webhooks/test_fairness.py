"""Whose calls are made: nobody's calls wait for those of somebody else, whatever his hooks are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import pytest

from scheduler.core.webhook import CallStatus, HookCall
from scheduler.webhooks import caller
from scheduler.webhooks import delivery as module
from scheduler.webhooks.delivery import AT_ONCE_MAX, PER_ADDRESS_MAX, PER_USER_MAX
from tests.fakes import MemoryStore
from tests.support.eventually import eventually
from tests.support.servers.receiver import Receiver, receiving
from tests.support.stores import claimed, end, new
from tests.unit.webhooks.test_delivery import delivering, settled

NAMES = 40
"""More than a node looks up at a time."""


class Dns:
    """Answers with loopback; for names below `.test` never, until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host.endswith(".test"):
            self.released.wait()
            raise OSError("no answer")
        return ["127.0.0.1"]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def dns() -> Iterator[Dns]:
    dns = Dns()
    yield dns
    dns.released.set()


async def ended(store: MemoryStore, hook: str, uid: str, *, ended_s: float = 9) -> str:
    """The id of a user's job that has ended."""
    (job,) = (await store.insert([new(uid, hook=hook)])).jobs
    claim = await claimed(store, job.id)
    await store.settle([end(claim, ended_s=ended_s)])
    return claim.id


def spellings(url: str) -> list[str]:
    """One receiver, named in many ways."""
    port, path = url.removeprefix("http://127.0.0.1:").split("/")
    hosts = ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::ffff:127.0.0.1]"]
    named = [f"http://{host}:{port}/{path}" for host in hosts]
    return [*named, *(f"http://user{n}@127.0.0.1:{port}/{path}" for n in range(35))]


@pytest.mark.parametrize("users", [1, 400])
async def test_a_receiver_that_hangs_in_many_spellings_keeps_no_other_waiting(
    store: MemoryStore, users: int
) -> None:
    """Neither those of one user, nor those of as many users as he likes to be."""
    async with receiving() as hanging, receiving(host="127.0.0.2") as receiver:
        hanging.answering.clear()
        for number, hook in enumerate(islice(cycle(spellings(hanging.url)), 400)):
            await ended(store, hook, f"attacker{number % users}")
        mine = await ended(store, receiver.url, "ada", ended_s=60)
        async with delivering(store):
            await receiver.gets(1)
            limit = PER_USER_MAX if users == 1 else PER_ADDRESS_MAX
            assert len(hanging.received) <= limit < AT_ONCE_MAX
            hanging.answering.set()
        assert [got.id for got in receiver.received] == [mine]


async def test_calls_that_wait_for_others_are_not_counted_as_tried(
    store: MemoryStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are made as soon as there is a place."""
    monkeypatch.setattr(module, "PUT_BACK_SHORTEST_S", 0.1)
    monkeypatch.setattr(module, "PUT_BACK_LONGEST_S", 0.1)
    receiver.answering.clear()
    hooks = islice(cycle(spellings(receiver.url)), 2 * PER_ADDRESS_MAX)
    ids = [await ended(store, hook, f"u{number}") for number, hook in enumerate(hooks)]
    async with delivering(store):
        await receiver.gets(PER_ADDRESS_MAX)
        await eventually(lambda: sum(call.tries for call in store.hook_calls.values()) > 0)
        receiver.answering.set()
        calls = [await settled(store, job_id) for job_id in ids]
    assert {(call.status, call.tries) for call in calls} == {(CallStatus.DELIVERED, 1)}


@pytest.mark.parametrize("users", [1, NAMES])
@pytest.mark.parametrize("name", ["n{}.evil.test", "n.evil{}.test"])
async def test_names_that_never_resolve_keep_no_other_waiting(
    store: MemoryStore, receiver: Receiver, dns: Dns, users: int, name: str
) -> None:
    """Neither calls by address, nor those of names that are known."""
    by_name = receiver.url.replace("127.0.0.1", "receiver.example")
    async with delivering(store, look_up=dns) as delivery:
        await ended(store, by_name, "ada")
        delivery.hint()
        await receiver.gets(1)
        for number in range(NAMES):
            await ended(store, f"http://{name.format(number)}/hook", f"attacker{number % users}")
        delivery.hint()
        await eventually(lambda: len(dns.asked) > 4)

        await ended(store, receiver.url, "bob")
        await ended(store, by_name, "ada")
        delivery.hint()
        await receiver.gets(3)
        assert await asyncio.to_thread(int) == 0, "the threads of the node are free"
        dns.released.set()


async def test_a_name_that_is_not_known_yet_is_called_though_a_user_has_many_that_hang(
    store: MemoryStore, receiver: Receiver, dns: Dns
) -> None:
    """One user and one domain have only some of the threads."""
    async with delivering(store, look_up=dns) as delivery:
        for number in range(NAMES):
            await ended(store, f"http://n{number}.evil.test/hook", f"attacker{number % 3}")
        delivery.hint()
        await eventually(lambda: len(dns.asked) > 4)
        await ended(store, receiver.url.replace("127.0.0.1", "receiver.example"), "ada")
        delivery.hint()
        await receiver.gets(1)
        dns.released.set()


async def test_the_time_of_a_look_up_does_not_count_as_the_time_of_the_call(
    store: MemoryStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that is slow for once must not use up what the receiver may take."""
    monkeypatch.setattr(caller, "TRY_S", 0.3)

    def slow(_host: str) -> list[str]:
        threading.Event().wait(0.6)
        return ["127.0.0.1"]

    async with delivering(store, look_up=slow, give_up_s=0):
        job_id = await ended(store, receiver.url.replace("127.0.0.1", "slow.example"), "ada")
        call = await settled(store, job_id)
    assert call.answer == "204"


async def test_looks_that_take_long_are_made_seldom() -> None:
    """A user with a hundred thousand calls must not keep the store from everything else."""
    loop = asyncio.get_running_loop()

    class LongLine(MemoryStore):
        begins: list[float] = []  # noqa: RUF012 - of one test

        async def take_calls(self, **how: Any) -> Sequence[HookCall]:  # noqa: ANN401
            self.begins.append(loop.time())
            await asyncio.sleep(2 * module.LONG_LOOK_S)
            return await super().take_calls(**how)

    store = LongLine()
    async with delivering(store) as delivery:

        def looked_thrice() -> bool:
            delivery.hint()
            return len(store.begins) >= 3

        await eventually(looked_thrice)
    first, second, *_ = store.begins
    assert second - first > module.LONG_LOOK_PAUSE * module.LONG_LOOK_S
