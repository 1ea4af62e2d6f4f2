"""What a handler is given besides its data: which job and user it runs for, progress, notify."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from math import isfinite
from operator import index
from typing import Any, Final, SupportsFloat, SupportsIndex

from scheduler.core.dependencies.results import NONE, EndedJobs
from scheduler.core.json_values.encoding import encode
from scheduler.core.json_values.refusing import NotJson, shown
from scheduler.core.json_values.writing import TooLong

Number = SupportsIndex | SupportsFloat

MESSAGE_MAX: Final = 1000
"""Characters of a progress message that are kept: it is a line for a person to read."""
NOTIFY_BYTES_MAX: Final = 64 * 1024
"""Size of a notification as JSON: it says that something happened, and does not carry data."""

CLOSED_S_MAX: Final = 366 * 86_400
"""The longest time for which a throttle is closed."""

VALUE_MAX: Final = 200
"""Characters that are shown of a number that is none."""
INTEGER_BITS: Final = 63
"""Longer integers become floats: the node's JSON has 64 bits."""


class JobAborted(KeyboardInterrupt):
    """Raised in the handler's main thread when its job is stopped and has a grace period.

    A `KeyboardInterrupt`, for which libraries cancel what they wait for: a query, an event loop, a
    process. No `Exception`, so that `except Exception` does not catch it. If you catch it to clean
    up, raise it again. Whatever the handler does or returns, the job is ended when the grace period
    is over.
    """


class JobContext:
    """One attempt at one job, as its handler sees it.

    Attributes:
        id: the job's id.
        uid: the user it belongs to.
        attempt: the number of this attempt, from 1.
        hook: the URL that was given with the job, or None.
        after: how the jobs ended that it comes after, by their refs and ids.
        schedule: the name of the schedule that made the job, or None.
        scheduled_for: the time of the schedule for which it is made, in UTC, or None. A handler
            that is to work on a day or an hour goes by this: it may run later.
    """

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the contract names it so
        uid: str,
        attempt: int,
        hook: str | None,
        send: Callable[[dict[str, object]], None],
        throttled: bool = False,
        after: EndedJobs = NONE,
        schedule: str | None = None,
        scheduled_for: datetime | None = None,
    ) -> None:
        self.id = id
        self.uid = uid
        self.attempt = attempt
        self.hook = hook
        self.after = after
        self.schedule = schedule
        self.scheduled_for = scheduled_for
        self._send = send
        self._throttled = throttled
        self._left_out = False

    def progress(self, done: Number, total: Number | None = None, message: object = None) -> None:
        """Say how far the job is, in any unit; cheap enough to call for every item.

        Numbers are all that Python can turn into an int or a float: also numpy's, Decimals and
        Fractions. A message is the text of what is given; its first `MESSAGE_MAX` characters are
        kept. Progress never ends a job: what is not a number, or not finite, is left out, and the
        job's log says so once.
        """
        counted = _number(done)
        if counted is None:
            self._leave_out("done", done)
            return
        limit = _number(total)
        if limit is None and total is not None:
            self._leave_out("total", total)
        shown = None if message is None else _text(message)[:MESSAGE_MAX]
        self._send({"progress": {"done": counted, "total": limit, "message": shown}})

    def notify(self, payload: object) -> None:
        """Have the node POST this value as JSON to the job's hook; without a hook, only check it.

        Takes the same values as a result. Returns at once; the node delivers it while the job
        continues. What is refused with a hook is refused without one, too: else a test without a
        hook would pass and the job fail in use.

        Raises:
            TypeError, ValueError: `payload` has no JSON form, with a JSON pointer to the place, or
                is larger than `NOTIFY_BYTES_MAX`.
        """
        try:
            encoded = encode(payload, bytes_max=NOTIFY_BYTES_MAX)
        except NotJson as error:
            raise error.error(f"notify: the payload is not a JSON value: {error}") from error
        except TooLong:
            allowed = f"allowed are {NOTIFY_BYTES_MAX} bytes of JSON"
            raise ValueError(f"notify: the payload is too long; {allowed}") from None
        if (size := len(encoded)) > NOTIFY_BYTES_MAX:
            raise ValueError(f"notify: {size} bytes of JSON; allowed are {NOTIFY_BYTES_MAX}")
        if self.hook is not None:
            # As text, never parsed on the way: all numbers stay exact.
            self._send({"notify": encoded.decode()})

    def throttle(self, after_s: float) -> None:
        """Let no other job of this job's throttle begin for so many seconds.

        For a handler that was told to wait, by a service that answers 429 for instance. It returns
        at once, and this job goes on: raise `RetryLater` to have it tried again. Where the throttle
        has a key for each user or customer, it is closed for that of this job alone, and for none
        where the job has no such key.

        Raises:
            TypeError, ValueError: `after_s` is no number, or not 0 to `CLOSED_S_MAX`.
            RuntimeError: the handler has no throttle.
        """
        if isinstance(after_s, bool) or not isinstance(after_s, int | float):
            raise TypeError(f"throttle: after_s must be a number of seconds, not {after_s!r}")
        if not isfinite(after_s) or not 0 <= after_s <= CLOSED_S_MAX:
            raise ValueError(f"throttle: after_s must be 0 to {CLOSED_S_MAX}, not {after_s!r}")
        if not self._throttled:
            raise RuntimeError(
                "throttle: this handler has none to close; declare it, such as"
                ' @handler("…", throttle=Throttle(100, per_s=60))'
            )
        self._send({"throttle": float(after_s)})

    def _leave_out(self, name: str, value: object) -> None:
        """Say in the job's log that a number was not taken; only once, progress comes often."""
        if self._left_out:
            return
        self._left_out = True
        with suppress(Exception):
            shown_value = shown(value)[:VALUE_MAX]
            line = f"job.progress: {name} must be a finite number, not {shown_value}: left out\n"
            sys.stderr.write(line)


def _number(value: Any) -> int | float | None:  # noqa: ANN401 - whatever a handler counts with
    """The value as a number that a frame can hold; None if it is none, or not finite."""
    kind = type(value)
    try:
        if hasattr(kind, "__index__"):
            whole = index(value)
            return whole if whole.bit_length() < INTEGER_BITS else float(whole)
        if hasattr(kind, "__float__"):
            number = float(value)
            return number if isfinite(number) else None
    except Exception:  # noqa: BLE001 - a number of another library runs its own code
        return None
    return None


def _text(message: object) -> str:
    try:
        return str.__str__(str(message))
    except Exception:  # noqa: BLE001 - str() of a foreign object runs its own code
        return type(message).__name__
