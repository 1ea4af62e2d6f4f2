"""How a handler says that its failed jobs are tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, cast

ATTEMPTS_MAX: Final = 1000
"""The most attempts that a job may use up: with the longest pauses they take weeks."""
PAUSE_S_MAX: Final = 366 * 86_400
"""The longest pause between two attempts. Further ahead nobody plans; a wrong unit does."""
KINDS: Final = ("exception", "crash", "timeout", "result")
"""The kinds of failure after which a handler can be run again.

Not `unknown_task`: then there is no handler that says so. Not `lost`, which `[node] losses_max`
limits, nor `expired`, which says that the job is not wanted any more.
"""
DEFAULT_KINDS: Final = ("exception", "crash", "timeout")
"""A result that is refused is refused again."""

On = str | type[BaseException]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What the node knows of a handler's `Retry`; sent as JSON."""

    max_attempts: int = 1
    backoff_s: float = 10.0
    backoff_max_s: float = 3600.0
    on: tuple[str, ...] = DEFAULT_KINDS
    """Kinds of failure, and names of classes."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> RetryRule:
        """The rule that was sent as JSON."""
        return cls(**{**fields, "on": tuple(fields["on"])})


NO_RETRY: Final = RetryRule()
"""Of a handler that says nothing. A job of it may still have a `max_attempts` of its own."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, when and after what an attempt is followed by another one.

    The pause before the next attempt is a random part of `backoff_s`, of twice that, four times and
    so on, up to `backoff_max_s`: so that jobs which failed together do not come back together.

    Args:
        max_attempts: how many attempts a job may use up, the first included: 1 to `ATTEMPTS_MAX`.
        backoff_s: the longest pause after the first failure, in seconds.
        backoff_max_s: the longest pause after any failure, in seconds.
        on: after which failures: the kinds `exception`, `crash`, `timeout`, `result`, and classes
            of exceptions, with their subclasses. One of them, or several.

    Raises:
        TypeError, ValueError: a value is of a wrong type, or out of range.
    """

    max_attempts: int
    backoff_s: float = 10.0
    backoff_max_s: float = 3600.0
    on: Iterable[On] | On = DEFAULT_KINDS

    def __post_init__(self) -> None:
        _check_attempts(self.max_attempts)
        _check_seconds("backoff_s", self.backoff_s)
        _check_seconds("backoff_max_s", self.backoff_max_s)
        if self.backoff_max_s < self.backoff_s:
            raise ValueError(
                f"Retry: backoff_max_s must be at least backoff_s, which is {self.backoff_s!r},"
                f" not {self.backoff_max_s!r}"
            )
        object.__setattr__(self, "on", _checked(self.on))

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of failure in `on`."""
        return frozenset(each for each in self._listed if isinstance(each, str))

    @property
    def classes(self) -> tuple[type[BaseException], ...]:
        """The classes of exceptions in `on`."""
        return tuple(each for each in self._listed if not isinstance(each, str))

    @property
    def rule(self) -> RetryRule:
        """What the node needs to know of it."""
        return RetryRule(
            max_attempts=self.max_attempts,
            backoff_s=float(self.backoff_s),
            backoff_max_s=float(self.backoff_max_s),
            on=tuple(each if isinstance(each, str) else named(each) for each in self._listed),
        )

    @property
    def _listed(self) -> tuple[On, ...]:
        return cast("tuple[On, ...]", self.on)  # `__post_init__` made it so


def named(kind: type[BaseException]) -> str:
    """A class of exceptions by its name, with its module where that is not Python's own."""
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def _check_attempts(count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"Retry: max_attempts must be a whole number, not {count!r}")
    if not 1 <= count <= ATTEMPTS_MAX:
        raise ValueError(f"Retry: max_attempts must be 1 to {ATTEMPTS_MAX}, not {count!r}")


def _check_seconds(name: str, seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"Retry: {name} must be a number of seconds, not {seconds!r}")
    if not isfinite(seconds) or not 0 <= seconds <= PAUSE_S_MAX:
        raise ValueError(f"Retry: {name} must be 0 to {PAUSE_S_MAX}, not {seconds!r}")


def _checked(on: object) -> tuple[On, ...]:
    """The kinds and classes, each once."""
    several = on if isinstance(on, Iterable) and not isinstance(on, str | type) else (on,)
    return tuple(dict.fromkeys(_known(each) for each in several))


def _known(each: object) -> On:
    if isinstance(each, type) and issubclass(each, BaseException):
        return each
    if isinstance(each, str) and each in KINDS:
        return str(each)
    raise ValueError(
        f"Retry: on has {each!r}; allowed: {', '.join(map(repr, KINDS))}, and classes of exceptions"
    )
