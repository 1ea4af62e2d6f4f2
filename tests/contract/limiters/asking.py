"""Limited jobs for tests of stores: what a node does for jobs whose handler has limits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Claim
from scheduler.core.limits.declaration import Limit, Throttle, limits, throttle_rule
from scheduler.core.limits.limiters import Limiter, given_up, limiters_of, rule_of, rules_of
from scheduler.core.ports.limiter_store import InLimiters, LimiterClaims
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import UNLIMITED, Quotas
from tests.support.stores import end, later

TASK = "task1"


def limited(*limit: Limit, throttle: Throttle | None = None) -> HandlerOptions:
    """The options of a handler with these limits."""
    return HandlerOptions(name=TASK, limit=limits(limit), throttle=throttle_rule(throttle))


async def in_limiters(
    store: Store, options: HandlerOptions, job_ids: Collection[str]
) -> Sequence[InLimiters]:
    """Those of the jobs that wait, with their limiters."""
    found = await store.limiters.jobs(job_ids, tasks=[options.name])
    return [
        InLimiters(each.job, limiters_of(options, uid=each.job.uid, data=each.data))
        for each in found
    ]


async def claim(
    store: Store,
    options: HandlerOptions,
    *job_ids: str,
    node_id: str = "a1",
    at: datetime | None = None,
    quotas: Quotas = UNLIMITED,
) -> LimiterClaims:
    """Claim as many of the jobs as have room; the others are held."""
    asked = await in_limiters(store, options, job_ids)
    return await store.limiters.claim(asked, node_id=node_id, at=at or later(1), quotas=quotas)


async def let_all_go(store: Store, options: HandlerOptions) -> list[str]:
    """Take the steps of a node until nothing more has room; the ids, in their order."""
    tasks = {options.name: options}
    gone: list[str] = []
    while True:
        freed = await store.limiters.freed(limit=100)
        await store.limiters.forget_holds([limiter.key for limiter in freed if not limiter.holds])
        keys = [limiter.key for limiter in freed if limiter.holds]
        holding, _ = await store.limiters.holding(after="", rules=rules_of(tasks), limit=100)
        open_now = given_up([each.key for each in holding], tasks)
        found = [each.key for each in holding if each.has_room or rule_of(each.key) in open_now]
        rules = {**rules_of(tasks), **open_now}
        before = len(gone)
        for key in dict.fromkeys([*keys, *found]):
            gone += [job.id for job in await store.limiters.let_go(key, rules=rules, limit=100)]
        if len(gone) == before:
            return gone


async def finish(store: Store, *claims: Claim) -> None:
    """End attempts successfully."""
    assert len(await store.settle([end(each) for each in claims])) == len(claims)


def limiter(options: HandlerOptions, *, uid: str = "u1", data: str = "null") -> Limiter:
    """The only limiter of a job."""
    (found,) = limiters_of(options, uid=uid, data=data)  # type: ignore[arg-type]
    return found
