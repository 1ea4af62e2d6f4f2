"""Retries and the end of a wait, as computations, so that both clients wait alike."""

from __future__ import annotations

import time
from typing import Final

from atlanscheduler_client.calls import WAIT_S_MAX
from atlanscheduler_client.problems import ClientError, QuotaExceeded, Unavailable, Unreachable

FIRST_PAUSE_S: Final = 0.1
"""Between the first two tries: a node that is just restarting is back in a moment."""


class Retries:
    """Says after each failed try how long to wait before the next, for `retry_s` in total."""

    def __init__(self, retry_s: float) -> None:
        self._end = time.monotonic() + retry_s
        self._pause_s = FIRST_PAUSE_S

    def pause_s(self, error: ClientError) -> float | None:
        """How long to wait after this error; None where no further try would help.

        While no node takes a call, pauses double. A node that refuses a submission by a quota says
        itself how long to wait.
        """
        left_s = self._end - time.monotonic()
        if isinstance(error, QuotaExceeded):
            wait_s = error.retry_after_s
            return wait_s if wait_s is not None and wait_s <= left_s else None
        if not isinstance(error, Unreachable | Unavailable) or left_s <= 0:
            return None
        pause_s, self._pause_s = self._pause_s, 2 * self._pause_s
        return min(pause_s, left_s)


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
