"""Slows those whose logins and tokens fail: `FAILURES_MAX` a minute from one address get 401.

Further ones get 429 with `Retry-After`. What does not fail is never slowed: many may ask from one
address, that of a proxy for instance, and one of them must not shut out the others. Nobody guesses
a token of 256 random bits; this tells a program with a wrong token to stop asking.

    ──●──●────────●───▶ time    each failure takes `EACH_S` from the address, which has a minute
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

from aiohttp import web

from scheduler.api.access.addresses import origin
from scheduler.core.errors import Unauthenticated
from scheduler.core.ports.clock import Clock

FAILURES_MAX: Final = 30
PERIOD_S: Final = 60.0
EACH_S: Final = PERIOD_S / FAILURES_MAX
ORIGINS_MAX: Final = 10_000
"""How many addresses are remembered: the one that has not failed for the longest is forgotten."""


class Failures:
    """The addresses from which logins or tokens have failed lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        """When an address has its whole minute again, by `Clock.monotonic`."""

    def note(self, request: web.Request, error: Unauthenticated) -> None:
        """Note that a request has failed.

        Raises:
            HTTPTooManyRequests: too many have failed.
        """
        now, address = self._clock.monotonic(), origin(request)
        until = max(now, self._until.pop(address, now)) + EACH_S
        too_soon_s = until - now - PERIOD_S
        self._until[address] = min(until, now + PERIOD_S)
        if len(self._until) > ORIGINS_MAX:
            self._until.popitem(last=False)
        if too_soon_s > 0:
            raise web.HTTPTooManyRequests(
                text=f"{error}; more than {FAILURES_MAX} requests from this address have failed"
                " within a minute",
                headers={"Retry-After": str(math.ceil(too_soon_s))},
            )
