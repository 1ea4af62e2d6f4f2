"""Retries and the end of a wait, as computations, so that both clients wait alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from atlanscheduler_client.calls import WAIT_S_MAX

FIRST_PAUSE_S: Final = 0.1
"""Between the first two tries: a node that is just restarting is back in a moment."""


def pauses(retry_s: float) -> Iterator[float]:
    """Pauses between tries, each twice as long as the one before, for `retry_s` in total."""
    end, pause_s = time.monotonic() + retry_s, FIRST_PAUSE_S
    while (left_s := end - time.monotonic()) > 0:
        yield min(pause_s, left_s)
        pause_s *= 2


class Deadline:
    """The end of a wait for a job; None waits for ever."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    def wait_s(self) -> float:
        """How long the next request may wait.

        Raises:
            TimeoutError: the time is up.
        """
        if self._end is None:
            return WAIT_S_MAX
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"the job did not end within {self._timeout_s:g} s")
        return min(left_s, WAIT_S_MAX)
