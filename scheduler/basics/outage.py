"""An outage of the store or the queue: told once when it begins, and once when it is over.

Whoever meets an outage waits for its end in a way of its own, and says nothing: with many workers,
sweeps and requests that would be a flood. It is told here, where the calls go out.

A server that refuses only writes answers reads meanwhile, so an answer ends an outage only once
nothing has failed for `QUIET_S`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from scheduler.core.errors import Unavailable

log = structlog.get_logger()

QUIET_S: Final = 5.0
"""Longer than the sweeper's second and a call's two: while a server refuses, one call of these
fails in time."""


class Outage:
    """What is known of one server: whether it is away."""

    def __init__(self, what: str, *, quiet_s: float = QUIET_S) -> None:
        """`what` is how an operator calls the server: the store, or the queue."""
        self._what = what
        self._quiet_s = quiet_s
        self._answered_once = False
        self._failed_at: float | None = None

    def met(self, error: Unavailable) -> None:
        """A call failed. Before the first answer whoever starts the node is told in another way."""
        if self._failed_at is None and self._answered_once:
            log.error(f"{self._what} is away", error=str(error))
        self._failed_at = _now()

    def answered(self) -> None:
        """A call was answered."""
        if not self._answered_once:
            self._answered_once, self._failed_at = True, None
        elif self._failed_at is not None and _now() - self._failed_at >= self._quiet_s:
            log.warning(f"{self._what} is back")
            self._failed_at = None


def _now() -> float:
    return asyncio.get_running_loop().time()
