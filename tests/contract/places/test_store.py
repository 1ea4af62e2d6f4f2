"""What the port `Store` promises about jobs that need labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scheduler.core.job import (
    NOTHING_RAN,
    Claim,
    Hold,
    HoldReason,
    Node,
    Order,
    Settlement,
    Status,
    WaitingJob,
)
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.places.labels import LANES_SEEN_MAX, Place
from scheduler.core.ports.store import Store
from tests.support.stores import (
    DEATH,
    abort,
    claimed,
    end,
    ids_waiting,
    known,
    later,
    new,
    node,
    promoted,
)

PLACES = {
    "plain": Place(),
    "gpu": Place(("gpu",)),
    "eu": Place(("gpu", "zone=eu")),
    "only": Place(("gpu", "zone=eu"), ("gpu",)),
    "other": Place(("gp", "gpu2", "zone=eu")),
}


def labelled(id_: str) -> Node:
    """The node of this name, with its place."""
    place = PLACES[id_]
    return replace(node(id_, name=id_), labels=place.labels, only=place.only)


async def needing(store: Store, *labels: str, uid: str = "u1", **order: object) -> str:
    """Insert a job that needs labels; its id."""
    wanted = Order(needs=labels, **order)  # type: ignore[arg-type]
    (job,) = (await store.insert([new(uid, undoable=True, order=wanted)])).jobs
    return job.id


async def taken(store: Store, job_id: str, by: str) -> bool:
    """Whether a node of this place gets a claim; then it gives the job back."""
    await store.register(labelled(by))
    claims = await store.claim([job_id], node_id=by, at=later(1))
    await store.settle([end(claim, Status.QUEUED, death=NOTHING_RAN) for claim in claims])
    return bool(claims)


@pytest.mark.parametrize(
    ("labels", "takers"),
    [
        ((), {"plain", "gpu", "eu", "other"}),
        (("gpu",), {"gpu", "eu", "only"}),
        (("zone=eu",), {"eu", "other"}),
        (("gpu", "zone=eu"), {"eu", "only"}),
        (("tpu",), set()),
    ],
)
async def test_only_a_node_with_all_its_labels_claims_a_job(
    store: Store, labels: tuple[str, ...], takers: set[str]
) -> None:
    """Whatever id comes to it. A label is a word: no part of another one."""
    job_id = await needing(store, *labels)

    assert {each for each in PLACES if await taken(store, job_id, each)} == takers


async def test_a_clean_up_needs_what_its_job_needed(store: Store) -> None:
    """It undoes what was done there: on a device, say."""
    await store.register(labelled("gpu"))
    (claim,) = await store.claim([await needing(store, "gpu")], node_id="gpu", at=later(1))
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])

    await store.register(labelled("plain"))
    assert await store.claim([claim.id], node_id="plain", at=later(2)) == []
    (cleanup,) = await store.claim([claim.id], node_id="gpu", at=later(2))
    assert cleanup.needs == ("gpu",)


async def test_a_job_and_its_claim_say_what_it_needs(store: Store) -> None:
    job_id = await needing(store, "gpu", "zone=eu")
    await store.register(labelled("eu"))

    (claim,) = await store.claim([job_id], node_id="eu", at=later(1))

    assert (await known(store, job_id)).needs == claim.needs == ("gpu", "zone=eu")
    assert [each.needs for each in await store.claims_of("eu", but=[])] == [claim.needs]
    assert [each.needs for each in await store.outlines([job_id])] == [claim.needs]
    assert (claim.unknown_s, claim.attempt) == (None, 1)


async def test_nodes_say_what_they_are_labelled_with(store: Store) -> None:
    for each in PLACES:
        await store.register(labelled(each))

    found = {each.id: Place(each.labels, each.only) for each in await store.nodes()}
    assert found == PLACES


async def test_everything_that_waits_is_found_in_however_many_lanes(store: Store) -> None:
    """Held jobs and re-runs may pass the bound; an emptied queue is to be told of all of them."""
    needs = [f"l{number:03}" for number in range(LANES_SEEN_MAX + 2)]
    jobs = [new("u1", order=Order(needs=(label,))) for label in needs]
    await store.insert(jobs)

    assert await ids_waiting(store) == [job.id for job in jobs]
    assert await store.lanes() == needs[:LANES_SEEN_MAX]
    assert await store.lanes(after=needs[LANES_SEEN_MAX - 1]) == needs[LANES_SEEN_MAX:]
    assert await store.lanes(after=needs[0], limit=1) == [needs[1]]
    assert await store.lanes(after=needs[-1]) == []


async def test_what_queued_jobs_need_is_known_while_they_are_held(store: Store) -> None:
    held = await needing(store, "held", delay_s=3600.0)
    await needing(store, "gpu", "zone=eu")
    running = await needing(store, "ran")
    await store.register(replace(node("ran"), labels=("ran",)))
    await store.claim([running], node_id="ran", at=later(1))

    assert await store.lanes() == ["gpu,zone=eu"]
    assert await store.queued_needs([], limit=9) == {"gpu,zone=eu", "held"}
    assert await store.queued_needs(["held", "other"], limit=1) == {"gpu,zone=eu", "held"}
    assert await store.queued_needs(["other"], limit=1) == {"gpu,zone=eu"}
    await abort(store, held)
    assert await store.queued_needs([], limit=9) == {"gpu,zone=eu"}


async def test_what_waits_is_found_by_its_lane(store: Store) -> None:
    """So jobs that no node takes, however many, are in nobody's way."""
    plain = await needing(store)
    gpu = [await needing(store, "gpu", uid=uid) for uid in ("a", "b")]
    both = await needing(store, "gpu", "zone=eu")

    assert await store.lanes() == ["gpu", "gpu,zone=eu"]
    assert [line.head.id for line in await store.lines(limit=9)] == [plain]
    lines = await store.lines(lane="gpu", limit=9)
    assert [(line.head.id, line.head.lane) for line in lines] == [(each, "gpu") for each in gpu]
    assert [line.head.id for line in await store.lines(lane="gpu", after_uid="a", limit=9)] == gpu[
        1:
    ]
    assert [each.id for each in await store.waiting_of("u1", lane="gpu,zone=eu", limit=9)] == [both]
    assert await ids_waiting(store) == [plain, *gpu, both]
    assert await store.lane_counts(["gpu", "tpu"], count_max=9) == {"gpu": 2, "tpu": 0}
    assert (await store.counts(count_max=9)).queued == 4


async def test_a_job_is_behind_those_of_its_lane_alone(store: Store) -> None:
    await needing(store)
    first, second = [await needing(store, "gpu") for _ in range(2)]

    assert await store.ahead(first, uid="u1", count_max=9) == 0
    assert await store.ahead(second, uid="u1", count_max=9) == 1


async def test_what_lets_a_job_go_names_its_lane(store: Store) -> None:
    """Else its id would come to nodes that may not run it."""
    job_id = await needing(store, "gpu", delay_s=0.01)
    found: Sequence[WaitingJob] = ()
    while not found:
        found = await store.promote(limit=9)
    (job,) = found
    assert (job.id, job.lane) == (job_id, "gpu")

    key = PauseKey(PauseKind.UID, "u1")
    await store.pauses.put(key, reason=None, until=None, by=None)
    (held,) = await store.pauses.hold([job_id], ahead_max=9)
    assert (held.id, held.lane, await store.lanes()) == (job_id, "gpu", [])
    await store.pauses.end(key)
    (freed,) = await store.pauses.let_go(key, limit=9)
    assert (freed.lane, await store.lanes()) == ("gpu", ["gpu"])


async def test_a_pause_puts_the_next_ones_of_the_lane_aside(store: Store) -> None:
    """Else each of a million of them would be met by a worker."""
    await needing(store)
    met, *others = [await needing(store, "gpu") for _ in range(3)]
    await store.pauses.put(PauseKey(PauseKind.UID, "u1"), reason=None, until=None, by=None)

    held = await store.pauses.hold([met], ahead_max=9)
    assert {met, *others} <= {job.id for job in held}


async def test_jobs_of_a_dead_node_go_back_to_their_lane(store: Store) -> None:
    await store.register(labelled("gpu"))
    job_id = await needing(store, "gpu")
    await store.claim([job_id], node_id="gpu", at=later(1))
    await store.bury("gpu")

    released = await store.release_orphans(losses_max=3, at=later(2))
    assert [(job.id, job.lane) for job in released.to_enqueue] == [(job_id, "gpu")]


def held_unknown(claim: Claim, for_s: float, *, known: bool = False) -> Settlement:
    """The settlement of a node that does not know the handler, where none does."""
    return Settlement(
        id=claim.id,
        token=claim.token,
        status=Status.QUEUED,
        at=later(3),
        death=NOTHING_RAN,
        unknown_s=for_s,
        known=known,
    )


async def test_a_job_whose_handler_no_node_knows_is_held_and_keeps_its_turn(store: Store) -> None:
    """It could run but for that: neither its deadline nor its place in line begins anew."""
    job_id = await needing(store, start_within_s=3600.0)
    before = await known(store, job_id)

    await store.settle([held_unknown(await claimed(store, job_id), 3600)])
    job = await known(store, job_id)
    assert isinstance(job.hold, Hold)
    assert (job.status, job.hold.reason) == (Status.QUEUED, HoldReason.NO_NODE)
    assert (job.attempt, job.attempts, job.turn_at) == (0, (), before.turn_at)
    assert await store.claim([job_id], node_id="a1", at=later(4)) == []
    assert (await store.counts(count_max=9)).held == {"no_node": 1}


async def test_it_is_looked_at_again_and_says_for_how_long_nobody_knew_it(store: Store) -> None:
    job_id = await needing(store, start_within_s=3600.0)
    before = await known(store, job_id)
    await store.settle([held_unknown(await claimed(store, job_id), 0.0)])

    assert await promoted(store) == [job_id]
    job, claim = await known(store, job_id), await claimed(store, job_id)
    assert (job.hold, job.eligible_at) == (None, before.eligible_at)
    assert claim.unknown_s is not None
    assert 0 <= claim.unknown_s < 60

    await store.settle([end(claim, Status.QUEUED, death=DEATH)])
    assert (await claimed(store, job_id)).unknown_s is None, "a node knew it meanwhile"


async def test_a_node_that_died_with_a_job_may_have_known_its_handler(store: Store) -> None:
    """Else the job would end at once if a node meets it that does not, however long it had run."""
    job_id = await needing(store)
    await store.settle([held_unknown(await claimed(store, job_id), 0.0)])
    await promoted(store)
    await claimed(store, job_id)

    await store.bury("a1")
    await store.release_orphans(losses_max=3, at=later(4))
    await store.register(node("a1"))

    assert (await claimed(store, job_id)).unknown_s is None


async def test_only_what_nobody_knows_is_counted(store: Store) -> None:
    """Else a job would end at once where the last node goes that knows it and does not run it."""
    job_id = await needing(store)
    await store.settle([held_unknown(await claimed(store, job_id), 0.0)])
    await promoted(store)

    await store.settle([held_unknown(await claimed(store, job_id), 0.0, known=True)])

    job = await known(store, job_id)
    assert job.hold is not None
    assert job.hold.reason == HoldReason.NO_NODE
    assert await promoted(store) == [job_id]
    assert (await claimed(store, job_id)).unknown_s is None


async def test_a_job_whose_handler_no_node_knows_ends_in_time(store: Store) -> None:
    """`start_within_s` counts on."""
    late = await needing(store, start_within_s=0.5)
    await store.settle([held_unknown(await claimed(store, late), 3600)])

    ended: set[str] = set()
    while late not in ended:
        ended |= {*await store.expire(limit=9)}
    assert (await known(store, late)).status is Status.TERMINATED
