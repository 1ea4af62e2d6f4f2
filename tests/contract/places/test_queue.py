"""What the port `Queue` promises about jobs that need labels: lanes, and who takes from them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from scheduler.core.job import NOBODY, WaitingJob
from scheduler.core.places.labels import Place
from scheduler.core.ports.queue import Queue, Share
from scheduler.queue.dequeuer import Dequeuer
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    installation_fixture,
    opened,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401

GPU = Place(("gpu",))
ONLY = Place(("gpu",), ("gpu",))
BOTH = Place(("gpu", "zone=eu"))
AT_ONCE_S = 20.0


@pytest.fixture(autouse=True, scope="module")
def long_blocks() -> Iterator[None]:
    """Nobody looks again by himself during these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dequeuer.__init__, "__kwdefaults__", {"block_s": 60.0})
        yield


def in_lane(lane: str, *ids: str, uid: str = "u1") -> list[WaitingJob]:
    return [WaitingJob(job_id, uid, number, lane) for number, job_id in enumerate(ids)]


async def all_of(queue: Queue, *, expected: int = 1) -> list[str]:
    """What a node gets until nothing is left; what is expected may take long on a busy machine."""
    found: list[str] = []
    while True:
        wait_s = ANSWER_S if len(found) < expected else PAUSE_S
        ids = await queue.dequeue(wait_s=wait_s, limit=100)
        if not ids:
            return found
        found += ids


async def test_a_node_gets_the_ids_of_its_lanes_alone(
    queue: Queue, installation: Installation
) -> None:
    """However many wait in others: a hot lane delays nobody."""
    await queue.enqueue(in_lane("gpu", *(f"gpu-{number:03}" for number in range(500))))
    await queue.enqueue(in_lane("gpu,zone=eu", "both"))
    await queue.enqueue(in_lane("", "plain"))

    assert await all_of(queue) == ["plain"]
    async with installation.open("eu", place=BOTH) as eu:
        await queue.enqueue(in_lane("", "plain2"))
        assert len(found := await all_of(eu, expected=502)) == 502
        assert {"both", "plain2"} < {*found}


async def test_a_node_that_takes_only_some_jobs_leaves_the_others(
    queue: Queue, installation: Installation
) -> None:
    """Jobs that need no GPU would fill the nodes with one."""
    await queue.enqueue(in_lane("", "plain"))
    await queue.enqueue(in_lane("gpu", "gpu"))

    async with installation.open("only", place=ONLY) as only:
        assert await all_of(only) == ["gpu"]
        await only.acknowledge(["gpu"])
    assert await all_of(queue) == ["plain"]


async def test_a_worker_is_woken_for_a_lane_that_it_takes(
    queue: Queue, installation: Installation
) -> None:
    """At once, also by the first job that needs just these labels; a plain node sleeps on."""
    async with (
        installation.open("eu", place=BOTH) as eu,
        installation.open("only", place=ONLY) as only,
        asyncio.TaskGroup() as group,
    ):
        at_eu = group.create_task(eu.dequeue(wait_s=600))
        at_only = group.create_task(only.dequeue(wait_s=600))
        here = group.create_task(queue.dequeue(wait_s=600))
        await installation.blocked(3)
        async with asyncio.timeout(AT_ONCE_S):
            await queue.enqueue(in_lane("zone=eu", "1"))
            assert await at_eu == ["1"]
            await queue.enqueue(in_lane("gpu", "2"), ahead=True)
            assert await at_only == ["2"]
            await queue.enqueue(in_lane("", "3"))
            assert await here == ["3"]


async def test_users_take_turns_in_a_lane_as_everywhere(
    queue: Queue, installation: Installation
) -> None:
    """And over all lanes: what a user runs anywhere counts."""
    for uid in ("a", "b"):
        await queue.enqueue(in_lane("gpu", *(f"{uid}{number}" for number in range(4)), uid=uid))
    await queue.enqueue(in_lane("", *(f"c{number}" for number in range(4)), uid="c"))

    async with installation.open("gpu", place=GPU) as gpu:
        found = [*await gpu.dequeue(wait_s=ANSWER_S, limit=6)]
        assert Counter(job_id[0] for job_id in found) == {"a": 2, "b": 2, "c": 2}


async def test_a_newcomer_to_a_lane_is_behind_who_runs_less(
    queue: Queue, installation: Installation
) -> None:
    await queue.enqueue(in_lane("", "a1", "a2", uid="a"))
    assert [*await queue.dequeue(wait_s=ANSWER_S, limit=2)] == ["a1", "a2"]
    await queue.enqueue(in_lane("gpu", "a3", uid="a"))
    await queue.enqueue(in_lane("gpu", "b1", uid="b"))

    async with installation.open("gpu", place=GPU) as gpu:
        assert await all_of(gpu, expected=2) == ["b1", "a3"]


async def test_a_user_who_runs_as_much_as_he_may_in_one_lane_waits_in_all(
    installation: Installation,
) -> None:
    """And goes on in each of them as soon as one of his has ended in any."""

    def one(_: str) -> Share:
        return Share(1, 1)

    async with installation.open("gpu", place=GPU, share_of=one) as gpu:
        await gpu.enqueue(in_lane("", "1"))
        await gpu.enqueue(in_lane("gpu", "2"))
        (first,) = await gpu.dequeue(wait_s=ANSWER_S, limit=9)
        assert await all_of(gpu, expected=0) == []
        await gpu.acknowledge([first])
        (second,) = await gpu.dequeue(wait_s=ANSWER_S, limit=9)
        assert {first, second} == {"1", "2"}


async def test_a_node_that_starts_tells_the_shares_of_those_who_wait_in_lanes(
    queue: Queue, installation: Installation
) -> None:
    """Who waits for a GPU for hours is not to submit once more before another limit holds."""

    def one(_: str) -> Share:
        return Share(1, 1)

    await queue.enqueue(in_lane("gpu", "1", "2"))
    async with installation.open("limiting", place=GPU, share_of=one) as limiting:
        await limiting.join(str(await installation.look.get(installation.key("store")) or "x"))
        assert await limiting.dequeue(wait_s=ANSWER_S, limit=9) == ["1"]
        async with installation.open("lifting", place=GPU) as lifting:
            await lifting.join(str(await installation.look.get(installation.key("store"))))
            assert await lifting.dequeue(wait_s=ANSWER_S, limit=9) == ["2"]


async def test_what_comes_back_goes_to_the_head_of_its_lane(
    queue: Queue, installation: Installation
) -> None:
    async with installation.open("gpu", place=GPU) as gpu:
        await queue.enqueue(in_lane("gpu", "1", "2"))
        assert await gpu.dequeue(wait_s=ANSWER_S) == ["1"]
        await gpu.give_back("1")
        await queue.enqueue([WaitingJob("clean", NOBODY, lane="gpu")], ahead=True)
        assert await all_of(queue, expected=0) == []
        assert await all_of(gpu, expected=3) == ["clean", "1", "2"]


async def test_what_a_dead_node_had_goes_back_to_its_lane(
    queue: Queue, installation: Installation
) -> None:
    """A node that recovers it may be one that cannot run it."""
    async with installation.open("gpu", place=GPU) as gpu:
        await queue.enqueue(in_lane("gpu", "1"))
        assert await gpu.dequeue(wait_s=ANSWER_S) == ["1"]
        assert await queue.recover({"other"}) == 1
        assert await all_of(queue, expected=0) == []
        assert await all_of(gpu) == ["1"]


async def test_what_waits_in_a_lane_is_not_missing(queue: Queue) -> None:
    jobs = in_lane("gpu", "1", "2")
    await queue.enqueue(jobs[:1])

    assert await queue.missing(jobs) == jobs[1:]
    await queue.enqueue(jobs[1:], ahead=True)
    assert await queue.missing(jobs) == []
    await queue.drop(jobs[:1])
    assert await queue.missing(jobs) == jobs[:1]


async def test_a_lane_in_which_nothing_waits_leaves_nothing(
    queue: Queue, installation: Installation
) -> None:
    """However many needs there ever were."""
    async with installation.open("gpu", place=GPU) as gpu:
        await queue.enqueue(in_lane("gpu", "1"))
        assert await all_of(gpu) == ["1"]
        await gpu.acknowledge(["1"])
    left = {key for key in await installation.keys() if "lane" in key or "places" in key}
    assert left == set()


async def test_a_node_of_an_earlier_version_takes_nothing_from_a_lane(
    queue: Queue, installation: Installation
) -> None:
    """It knows the keys of plain jobs only; and finds those as before."""
    await queue.enqueue(in_lane("gpu", "1"))
    await queue.enqueue(in_lane("", "2"))

    assert await installation.queued() == ["2"]


async def test_keys_of_a_lane_that_are_of_another_type_are_repaired(
    queue: Queue, installation: Installation
) -> None:
    async with installation.open("gpu", place=GPU) as gpu:
        await installation.look.set(installation.key("lane:gpu:users"), "x")
        await installation.look.set(installation.key("lane:gpu:first"), "x")
        await installation.look.sadd(installation.key("lanes"), "gpu")
        async with asyncio.timeout(AT_ONCE_S):
            while True:
                try:
                    await queue.enqueue(in_lane("gpu", "1"))
                    break
                except Exception:  # noqa: BLE001 - until it is repaired
                    await asyncio.sleep(PAUSE_S)
            assert "1" in await gpu.dequeue(wait_s=ANSWER_S, limit=9)
