"""What a handler raises to overrule its `Retry`, and what an exception says of another attempt."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Final, NamedTuple

from scheduler.core.retries.declaration import DEFAULT_KINDS, PAUSE_S_MAX, Retry


class RetryLater(Exception):
    """Raise it to have the job tried again, whatever `on` of the handler's `Retry` says.

    The attempt is used up: a job that may not be tried once more ends `terminated`.

    Args:
        message: why, for whoever reads the job's log.
        after_s: after how many seconds, 0 to `PAUSE_S_MAX`; None for the handler's backoff.

    Raises:
        TypeError, ValueError: `after_s` is no number of seconds, or out of range.
    """

    def __init__(self, message: str = "", *, after_s: float | None = None) -> None:
        super().__init__(*[message] if message else [])
        self.after_s = None if after_s is None else _seconds(after_s)

    def __str__(self) -> str:
        if self.args:
            return str(self.args[0])
        when = "later" if self.after_s is None else f"after {self.after_s:g} s"
        return f"the handler asked to be run again {when}"


class GiveUp(Exception):
    """Raise it to have the job end `terminated` at once, however many attempts are left."""


# Where handlers import them from: so errors name them.
RetryLater.__module__ = GiveUp.__module__ = "scheduler"


class Advice(NamedTuple):
    """What an exception says of another attempt; sent as JSON."""

    retryable: bool
    after_s: float | None = None
    """After exactly so long; None: after the backoff."""


NEVER: Final = Advice(retryable=False)


def advice(error: BaseException, retry: Retry | None) -> Advice:
    """Whether a handler with this `Retry` is to be run again after an exception.

    Of a group of exceptions any may ask for it; where one of them is a `GiveUp`, that counts.
    """
    try:
        return _advice(error, retry)
    except Exception:  # noqa: BLE001 - isinstance with a foreign class runs its own code
        return NEVER


def _advice(error: BaseException, retry: Retry | None) -> Advice:
    raised = list(_members(error))
    if any(isinstance(each, GiveUp) for each in raised):
        return NEVER
    asked = [each for each in raised if isinstance(each, RetryLater)]
    if asked:
        after = [each.after_s for each in asked if each.after_s is not None]
        return Advice(retryable=True, after_s=max(after, default=None))
    kinds = DEFAULT_KINDS if retry is None else retry.kinds
    classes = () if retry is None else retry.classes
    wanted = "exception" in kinds or any(isinstance(each, classes) for each in raised)
    return Advice(retryable=wanted)


def _members(error: BaseException) -> Iterator[BaseException]:
    """The exception; of a group, also all that are in it, at any depth."""
    waiting = [error]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _seconds(after_s: object) -> float:
    if isinstance(after_s, bool) or not isinstance(after_s, int | float):
        raise TypeError(f"RetryLater: after_s must be a number of seconds, not {after_s!r}")
    if not isfinite(after_s) or not 0 <= after_s <= PAUSE_S_MAX:
        raise ValueError(f"RetryLater: after_s must be 0 to {PAUSE_S_MAX}, not {after_s!r}")
    return float(after_s)
