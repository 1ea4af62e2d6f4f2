"""What the store has said of tokens, or of sessions, trusted for some seconds.

    found here before ─▶ one look for all that ask, at once
    never found here ──▶ the same, at most ten times a second

So whoever invents tokens costs the store ten looks a second, however many there are. They never
wait before those that were found once, and push none of them out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from math import inf
from typing import Final, Generic, NamedTuple, TypeVar

from scheduler.basics.batch import Batch
from scheduler.core.ports.clock import Clock

KNOWN_S: Final = 5.0
"""How long a node trusts what it has read: so long may a revoked token have force."""
KNOWN_MAX: Final = 10_000
"""How many a node knows; and how many it knows not to be there."""
LOOK_MAX: Final = 500
"""Of one look at the store."""
PAUSE_S: Final = 0.1
"""Between two looks for what was never found."""

Found = TypeVar("Found")


class _Said(NamedTuple, Generic[Found]):
    what: Found
    until: float
    """By `Clock.monotonic`."""


class Known(Generic[Found]):
    """What the store has said; `run` must run while it is in use.

    Args:
        look: reads those of the keys that are in the store.
        clock: says how old an answer is.
        truth: what is true, given what was known and what a look has brought: another call may have
            changed it since the look began.
    """

    def __init__(
        self,
        look: Callable[[Collection[str]], Awaitable[Mapping[str, Found]]],
        clock: Clock,
        *,
        truth: Callable[[Found, Found | None], Found | None] = lambda _, now: now,
    ) -> None:
        self._look = look
        self._clock = clock
        self._truth = truth
        self._found: OrderedDict[str, _Said[Found]] = OrderedDict()
        self._missing: OrderedDict[str, float] = OrderedDict()
        """Until when each is known not to be there."""
        self._distrusted = 0
        """How often something was."""
        self._again = Batch(self._look_for_all, weight_max=LOOK_MAX)
        self._first = Batch(self._look_for_all, weight_max=LOOK_MAX, pause_s=PAUSE_S)

    async def run(self) -> None:
        """Look for those who ask, for ever; a background task."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again.serve(), name="look again")
            group.create_task(self._first.serve(), name="look for the first time")

    async def get(self, key: str) -> Found | None:
        """What the store says, or said less than `KNOWN_S` ago.

        Raises:
            StoreUnavailable: it says nothing.
        """
        now = self._clock.monotonic()
        if (said := self._found.get(key)) is not None:
            return said.what if now < said.until else await self._again(key)
        if now < self._missing.get(key, now):
            return None
        return await self._first(key)

    def note(self, key: str, what: Found | None) -> None:
        """Keep what was just stored."""
        self._note(key, what, self._clock.monotonic() + KNOWN_S)

    def correct(self, key: str, what: Found) -> None:
        """Change what is known of a key, and trust it for no longer than before."""
        if (said := self._found.get(key)) is not None:
            self._found[key] = said._replace(what=what)

    def forget(self, key: str) -> None:
        """Ask the store the next time."""
        self._found.pop(key, None)
        self._missing.pop(key, None)

    def distrust(self, key: str) -> None:
        """Ask the store the next time, without a pause: what was read may be true no more."""
        self._distrusted += 1
        if (said := self._found.get(key)) is not None:
            self._found[key] = said._replace(until=-inf)

    async def _look_for_all(self, keys: Sequence[str]) -> Sequence[Found | None]:
        """Read some. What is known of them lasts from before the look on."""
        distrusted, now = self._distrusted, self._clock.monotonic()
        found = await self._look(set(keys))
        # What was distrusted since may have been read before it changed: then it is not kept.
        until = now + KNOWN_S if distrusted == self._distrusted else now
        return [self._note(each, found.get(each), until) for each in keys]

    def _note(self, key: str, what: Found | None, until: float) -> Found | None:
        before = self._found.pop(key, None)
        if before is not None:
            what = self._truth(before.what, what)
        self._missing.pop(key, None)
        if what is None:
            self._missing[key] = until
        else:
            self._found[key] = _Said(what, until)
        for kept in (self._found, self._missing):
            if len(kept) > KNOWN_MAX:
                kept.popitem(last=False)
        return what
