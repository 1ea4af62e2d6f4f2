"""What a handler is given besides its data: which job and user it runs for, progress, notify."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

MESSAGE_MAX: Final = 1000
"""Characters of a progress message that are kept: it is a line for a person to read."""
NOTIFY_BYTES_MAX: Final = 64 * 1024
"""Size of a notification as JSON: it says that something happened, and does not carry data."""


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
    """

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the contract names it so
        uid: str,
        attempt: int,
        hook: str | None,
        send: Callable[[dict[str, object]], None],
    ) -> None:
        self.id = id
        self.uid = uid
        self.attempt = attempt
        self.hook = hook
        self._send = send

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the job is, in any unit; cheap enough to call for every item.

        The first `MESSAGE_MAX` characters of the message are kept.

        Raises:
            TypeError: `done` or `total` is not a number, or `message` not a string.
            ValueError: `done` or `total` is not finite.
        """
        for name, number in (("done", done), ("total", total)):
            if number is None and name == "total":
                continue
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise TypeError(f"progress: {name} must be a number, not {number!r}")
            if not abs(number) <= sys.float_info.max:  # false for NaN, too
                raise ValueError(f"progress: {name} must be finite, not {number!r}")
        if message is not None and not isinstance(message, str):
            raise TypeError(f"progress: message must be a string, not {message!r}")
        shown = message and message[:MESSAGE_MAX]
        self._send({"progress": {"done": done, "total": total, "message": shown}})

    def notify(self, payload: object) -> None:
        """Have the node POST this JSON value to the job's hook; without a hook, only check it.

        Returns at once; the node delivers it while the job continues. What is refused with a hook
        is refused without one, too: else a test without a hook would pass and the job fail in use.

        Raises:
            TypeError, ValueError: `payload` is not a JSON value, or larger than `NOTIFY_BYTES_MAX`.
        """
        try:
            text = json.dumps(payload, allow_nan=False)
        except TypeError as error:
            raise TypeError(f"notify: {error}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"notify: {error}") from error
        if (size := len(text)) > NOTIFY_BYTES_MAX:
            raise ValueError(f"notify: {size} bytes of JSON; allowed are {NOTIFY_BYTES_MAX}")
        if self.hook is not None:
            self._send({"notify": text})  # as text, never parsed on the way: all numbers stay exact
