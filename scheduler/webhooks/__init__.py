"""Webhooks: POST each call that is due in the store, signed, until its receiver accepts it.

    store.take_calls ─▶ message ─▶ signature ─▶ caller ─▶ core.webhook.verdict ─▶ store.settle_call
                        body       headers      POST

    delivery    takes the calls that are due, tries them, and stores what came of each try
    caller      one try: an HTTP POST
    resolver    looks up the hosts of hooks, in threads of its own
    addresses   the addresses that a call may connect to
    retry_after how long a receiver asks us to wait
    message     the body and headers of a call
    signature   the headers by which a receiver verifies a call (Standard Webhooks)

`open_hooks` runs all of this on a node. What a call is, and what follows from a try, is in
`scheduler/core/webhook.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network
from random import Random

from scheduler.core.ports.store import Store
from scheduler.telemetry.job_events import JobEvents
from scheduler.webhooks.caller import open_caller
from scheduler.webhooks.delivery import Delivery
from scheduler.webhooks.resolver import LookUp, Resolver, system_addresses
from scheduler.webhooks.signature import keys

__all__ = ["open_hooks"]


@asynccontextmanager
async def open_hooks(
    *,
    store: Store,
    random: Random,
    job_events: JobEvents,
    secret: str,
    allow: Collection[IPv4Network | IPv6Network],
    give_up_s: float,
    look_up: LookUp = system_addresses,
) -> AsyncIterator[Delivery]:
    """Deliver calls while the block runs; at its end, deliver what is due for a few seconds more.

    Args:
        secret: signing keys as `whsec_…`, separated by spaces; if empty, calls are not signed.
        allow: networks that may be called although they are not public.
        give_up_s: for how long a call is retried.
        look_up: returns the addresses of a host; runs in a thread.
    """
    resolver = Resolver(look_up)
    async with open_caller(keys(secret), allow, resolver) as caller, asyncio.TaskGroup() as group:
        delivery = Delivery(
            store=store,
            random=random,
            caller=caller,
            job_events=job_events,
            give_up_s=give_up_s,
        )
        running = group.create_task(delivery.run(), name="deliver calls of hooks")
        yield delivery
        await delivery.finish()
        running.cancel()
