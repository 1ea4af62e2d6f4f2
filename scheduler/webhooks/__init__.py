"""Calling the hooks of jobs: what is due in the store is POSTed, signed, until it is taken.

    open_hooks ── the delivery of a node, for as long as the block runs
       │
    delivery ──▶ store.take_calls ─▶ message ─▶ signature ─▶ caller ─▶ hook.verdict ─▶ settle_call
                                     body       headers      POST, to addresses that are allowed

What a call is, and what follows from how one went, stands in `scheduler/core/webhook.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network
from random import Random

from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.telemetry.job_events import JobEvents
from scheduler.webhooks.caller import open_caller
from scheduler.webhooks.delivery import Delivery
from scheduler.webhooks.signature import keys

__all__ = ["open_hooks"]


@asynccontextmanager
async def open_hooks(
    *,
    store: Store,
    clock: Clock,
    random: Random,
    job_events: JobEvents,
    secret: str,
    allow: Collection[IPv4Network | IPv6Network],
    give_up_s: float,
) -> AsyncIterator[Delivery]:
    """Deliver calls for as long as the block runs, and a little longer what is due then.

    Args:
        secret: signing keys as `whsec_…`, separated by blanks; none, and calls are not signed.
        allow: networks that may be called although they are not public.
        give_up_s: for how long a call is tried.
    """
    async with open_caller(keys(secret), allow) as caller, asyncio.TaskGroup() as group:
        delivery = Delivery(
            store=store,
            clock=clock,
            random=random,
            caller=caller,
            job_events=job_events,
            give_up_s=give_up_s,
        )
        running = group.create_task(delivery.run(), name="deliver calls of hooks")
        yield delivery
        await delivery.finish()
        running.cancel()
