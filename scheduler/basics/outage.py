"""An outage of the store or the queue: logged once when it begins, and once when it is over.

Workers, sweeps and requests that meet an outage wait for its end and log nothing: that would be a
flood. It is logged here, where all calls to the server pass.

A server that refuses only writes still answers reads, so an answer ends an outage only once
nothing has failed for `QUIET_S`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from scheduler.core.errors import Unavailable

log = structlog.get_logger()

QUIET_S: Final = 5.0
"""Longer than the sweeper's interval (1 s) and a call's timeout (2 s) together: while a server
refuses calls, one of the sweeper's fails within this time."""


class Outage:
    """Whether one server is away."""

    def __init__(self, what: str, *, quiet_s: float = QUIET_S) -> None:
        """`what` names the server in the log: the store, or the queue."""
        self._what = what
        self._quiet_s = quiet_s
        self._answered_once = False
        self._failed_at: float | None = None

    def failed(self, error: Unavailable) -> None:
        """Note that a call failed. Before the first answer the start of the node reports it."""
        if self._failed_at is None and self._answered_once:
            log.error(f"{self._what} is away", error=str(error))
        self._failed_at = _now()

    def answered(self) -> None:
        """Note that a call was answered."""
        if not self._answered_once:
            self._answered_once, self._failed_at = True, None
        elif self._failed_at is not None and _now() - self._failed_at >= self._quiet_s:
            log.warning(f"{self._what} is back")
            self._failed_at = None


def _now() -> float:
    return asyncio.get_running_loop().time()
