"""What the port `Store` promises about the most jobs that a user may have running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from scheduler.core.job import NOTHING_RAN, Claim, Order, Purpose, Status
from scheduler.core.ports.store import ClaimedWithin, Store
from scheduler.core.quotas.quota import Quota, Quotas
from scheduler.store import open_store
from tests.support.stores import abort, claimed, cleaning, end, ids_of, later, new, node

TWO = Quotas([Quota(pattern="u1", running_max=2)])
CLAIMS = 30


async def submitted(store: Store, *uids: str) -> list[str]:
    """Store a job for each of these users; their ids."""
    return [job.id for job in (await store.insert([new(uid) for uid in uids])).jobs]


async def claim(
    store: Store, ids: Sequence[str], quotas: Quotas = TWO, *, node_id: str = "a1"
) -> ClaimedWithin:
    await store.register(node(node_id))
    return await store.claim_within(ids, node_id=node_id, at=later(1), quotas=quotas)


def claimed_ids(found: ClaimedWithin) -> list[str]:
    return sorted(each.id for each in found.claims)


async def test_no_more_of_a_user_are_claimed_than_may_run(store: Store) -> None:
    """Those whose turn is first, and the answer says which others wait for that."""
    ids = await submitted(store, "u1", "u1", "u1", "u1")
    found = await claim(store, ids[::-1])
    assert claimed_ids(found) == ids[:2]
    assert sorted(ids_of(found.beyond)) == ids[2:]
    assert {job.uid for job in found.beyond} == {"u1"}

    again = await claim(store, ids)
    assert (again.claims, sorted(ids_of(again.beyond))) == ([], ids[2:])


async def test_the_first_in_turn_are_claimed_whatever_order_their_ids_come_in(store: Store) -> None:
    """A job that its user wants before the others must not wait behind them."""
    inserted = await store.insert([new(), new(order=Order(priority=60))])
    late, early = [job.id for job in inserted.jobs]
    found = await claim(store, [late, early], Quotas([Quota(pattern="*", running_max=1)]))
    assert claimed_ids(found) == [early]


async def test_who_has_no_limit_is_not_limited(store: Store) -> None:
    """And gets his jobs in the same call, whatever becomes of the others."""
    ids = await submitted(store, "u2", "u1", "u2", "u1", "u2", "u1")
    found = await claim(store, ids)
    assert claimed_ids(found) == sorted([*ids[:5]])
    assert ids_of(found.beyond) == ids[5:]


@pytest.mark.parametrize(
    ("patterns", "running"),
    [
        ({"*": 1}, 1),
        ({"*": 1, "team-a.*": 3}, 3),
        ({"*": 1, "team-a.*": None}, 4),
        ({"*": 1, "team-*": 2, "team-a.*": None, "team-a.ada": 3}, 3),
        ({"*": 1, "team-a.ada": None}, 4),
        ({"team-a.adam": 1, "team-b.*": 1, "eam*": 1, "team-a.ada.*": 1}, 4),
        ({"team-a.ada*": 2, "team-a.ada": 1}, 1),
        ({"team_a*": 1, "%": 1}, 4),
    ],
)
async def test_the_best_fitting_pattern_counts_alone(
    store: Store, patterns: dict[str, int | None], running: int
) -> None:
    """As for every other limit: the store finds the pattern that `Quotas.of` finds."""
    quotas = Quotas(Quota(pattern=each, running_max=most) for each, most in patterns.items())
    ids = await submitted(store, *["team-a.ada"] * 4)
    found = await claim(store, ids, quotas)
    assert claimed_ids(found) == ids[:running]
    assert quotas.running_max_of("team-a.ada") == (running if running < 4 else None)


async def test_an_end_makes_room_for_one(store: Store) -> None:
    """Success, failure, abort and a job that was given back: whatever runs no more."""
    ids = await submitted(store, *["u1"] * 4)
    first, second = (await claim(store, ids)).claims
    await store.settle([end(first)])
    assert claimed_ids(await claim(store, ids[2:])) == ids[2:3]
    await store.settle([end(second, Status.QUEUED, death=NOTHING_RAN)])
    assert claimed_ids(await claim(store, ids[3:])) == ids[3:]
    assert ids_of((await claim(store, [second.id])).beyond) == [second.id]


async def test_a_job_counts_until_its_owner_is_found_dead(store: Store) -> None:
    """Its processes may live on with a node that is silent: only the row's owner decides."""
    ids = await submitted(store, *["u1"] * 3)
    await claim(store, ids, node_id="a2")
    await store.bury("a2")
    assert not (await claim(store, ids)).claims
    await store.release_orphans(losses_max=3, at=later(1))
    assert claimed_ids(await claim(store, ids)) == ids[:2]


async def test_an_abort_frees_no_room_before_its_processes_are_dead(store: Store) -> None:
    ids = await submitted(store, *["u1"] * 3)
    first, _ = (await claim(store, ids)).claims
    await abort(store, first.id)
    assert not (await claim(store, ids)).claims
    await store.settle([end(first, Status.ABORTED)])
    assert claimed_ids(await claim(store, ids)) == ids[2:]


async def test_clean_ups_are_neither_counted_nor_left_out(store: Store) -> None:
    """What an abort leaves to be done waits for no other job of its user."""
    one = Quotas([Quota(pattern="*", running_max=1)])
    cleaned = await cleaning(store)
    ids = await submitted(store, "u1", "u1")
    assert claimed_ids(await claim(store, ids, one)) == ids[:1]

    undone = await store.insert([new(undoable=True)])
    running = await claimed(store, undone.jobs[0].id)
    await abort(store, running.id)
    await store.settle([end(running, Status.ABORTED)])
    (clean,) = (await claim(store, [running.id, ids[1]], one)).claims
    assert (clean.id, clean.purpose) == (running.id, Purpose.CLEAN)
    assert cleaned.id != clean.id


async def test_a_lower_limit_ends_nothing(store: Store) -> None:
    """It counts for the next starts."""
    ids = await submitted(store, *["u1"] * 4)
    await claim(store, ids)
    lower = Quotas([Quota(pattern="u1", running_max=1)])
    found = await claim(store, ids, lower)
    assert (found.claims, len(found.beyond)) == ([], 2)


async def test_what_cannot_be_claimed_anyway_is_not_reported(store: Store) -> None:
    """It is settled, held or unknown: its id is of no more use."""
    ids = await submitted(store, *["u1"] * 3)
    first, _ = (await claim(store, ids[:2])).claims
    await store.settle([end(first)])
    held = await store.insert([new(order=Order(delay_s=86_400))])
    one = Quotas([Quota(pattern="u1", running_max=1)])
    found = await claim(store, [*ids, held.jobs[0].id, new().id], one)
    assert (found.claims, ids_of(found.beyond)) == ([], ids[2:])


async def test_calls_that_come_together_share_the_room(store: Store) -> None:
    """They share a statement, in which each of them could count what the others do not run yet."""
    await store.register(node())
    ids = await submitted(store, *["u1", "u2"] * CLAIMS)

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(claim(store, [each]), name="claim") for each in ids]

    found = [call.result() for call in calls]
    assert len([each for one in found for each in one.claims if each.uid == "u1"]) == 2
    assert len([each for one in found for each in one.claims if each.uid == "u2"]) == CLAIMS
    assert len([each for one in found for each in one.beyond]) == CLAIMS - 2


async def test_claims_at_once_on_several_nodes_never_exceed_the_maximum(
    postgres_url: str, tmp_path: Path
) -> None:
    """Each of them counts and claims alone; else each would count before the others claim."""
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_store(postgres_url, data_dir=tmp_path))
            for _ in range(4)
        ]
        for number, each in enumerate(stores):
            await each.register(node(f"a{number}"))
        for _ in range(5):
            ids = await submitted(stores[0], *["u1"] * CLAIMS)
            claims = await claims_at_once(stores, ids)
            assert len(claims) == 2
            await stores[0].settle([end(each) for each in claims])
            rest = set(ids) - {each.id for each in claims}
            for job_id in rest:
                await abort(stores[0], job_id)


async def claims_at_once(stores: Sequence[Store], ids: Sequence[str]) -> list[Claim]:
    """Claim each job on one of the nodes, all at the same time."""

    async def of(number: int) -> Sequence[Claim]:
        store = stores[number % len(stores)]
        return (await claim(store, [ids[number]], node_id=f"a{number % len(stores)}")).claims

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(of(number), name="claim") for number in range(len(ids))]
    return [each for call in calls for each in call.result()]
