"""Trying again after failures, with pauses that grow as `policy.backoff_s` says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from scheduler.core.policy import backoff_s

T = TypeVar("T")


class Backoff:
    """The pauses after failures in a row."""

    def __init__(
        self,
        random: Random,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        longest_s: float = 5.0,
    ) -> None:
        """Collaborators.

        Args:
            random: spreads the pauses.
            sleep: waits for so many seconds.
            longest_s: the longest pause.
        """
        self._random = random
        self._sleep = sleep
        self._longest_s = longest_s
        self._failures = 0

    def reset(self) -> None:
        """Begin anew with short pauses: something has succeeded."""
        self._failures = 0

    async def pause(self) -> None:
        """Wait after one more failure."""
        pause_s = backoff_s(self._failures, random=self._random, longest_s=self._longest_s)
        self._failures += 1
        await self._sleep(pause_s)


async def retried(
    call: Callable[[], Awaitable[T]],
    *,
    on: tuple[type[Exception], ...],
    backoff: Backoff,
    failed: Callable[[Exception], object] = lambda _: None,
) -> T:
    """Call until it succeeds, and return what it returned.

    Args:
        call: must be safe to repeat.
        on: the errors after which it is called again; all others are raised.
        backoff: pauses between two calls; it is reset at the end.
        failed: told of each error.
    """
    while True:
        try:
            result = await call()
        except on as error:
            failed(error)
        else:
            backoff.reset()
            return result
        await backoff.pause()
