"""Limited jobs for tests of stores: what a node does for jobs whose handler has limits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Claim
from scheduler.core.limits.declaration import Limit, Throttle, limits, throttle_rule
from scheduler.core.limits.lanes import Lane, lanes_of, rules_of
from scheduler.core.ports.lane_store import InLanes, LaneClaims
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import UNLIMITED, Quotas
from tests.support.stores import end, later

TASK = "task1"


def limited(*limit: Limit, throttle: Throttle | None = None) -> HandlerOptions:
    """The options of a handler with these limits."""
    return HandlerOptions(name=TASK, limit=limits(limit), throttle=throttle_rule(throttle))


async def in_lanes(
    store: Store, options: HandlerOptions, job_ids: Collection[str]
) -> Sequence[InLanes]:
    """Those of the jobs that wait, with their lanes."""
    found = await store.lanes.jobs(job_ids, tasks=[options.name])
    return [
        InLanes(each.job, lanes_of(options, uid=each.job.uid, data=each.data)) for each in found
    ]


async def claim(
    store: Store,
    options: HandlerOptions,
    *job_ids: str,
    node_id: str = "a1",
    at: datetime | None = None,
    quotas: Quotas = UNLIMITED,
) -> LaneClaims:
    """Claim as many of the jobs as have room; the others are held."""
    asked = await in_lanes(store, options, job_ids)
    return await store.lanes.claim(asked, node_id=node_id, at=at or later(1), quotas=quotas)


async def let_all_go(store: Store, options: HandlerOptions) -> list[str]:
    """Take the steps of a node until nothing more has room; the ids, in their order."""
    rules = rules_of({options.name: options})
    gone: list[str] = []
    while True:
        freed = await store.lanes.freed(limit=100)
        await store.lanes.forget_holds([lane.key for lane in freed if not lane.holds])
        keys = [lane.key for lane in freed if lane.holds]
        found, _ = await store.lanes.with_room(after="", rules=rules, limit=100)
        before = len(gone)
        for key in dict.fromkeys([*keys, *found]):
            gone += [job.id for job in await store.lanes.let_go(key, rules=rules, limit=100)]
        if len(gone) == before:
            return gone


async def finish(store: Store, *claims: Claim) -> None:
    """End attempts successfully."""
    assert len(await store.settle([end(each) for each in claims])) == len(claims)


def lane(options: HandlerOptions, *, uid: str = "u1", data: str = "null") -> Lane:
    """The only lane of a job."""
    (found,) = lanes_of(options, uid=uid, data=data)  # type: ignore[arg-type]
    return found
