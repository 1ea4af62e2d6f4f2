"""Trying again: as long as it takes, with growing pauses, and only after the errors named."""

from __future__ import annotations

from random import Random

import pytest

from scheduler.basics.retry import Backoff, retried


class Pauses:
    """Sleeps for no time, and remembers for how long it was asked to."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked_s.append(seconds)


class Failing:
    """Fails as often as it is told to, then succeeds."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error = times, error

    async def __call__(self) -> str:
        if self.times:
            self.times -= 1
            raise self.error
        return "done"


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def backoff(pauses: Pauses) -> Backoff:
    return Backoff(Random(1), sleep=pauses.sleep, longest_s=2.0)  # noqa: S311


async def test_it_is_called_until_it_succeeds(pauses: Pauses, backoff: Backoff) -> None:
    """With a pause after each failure, of which somebody may be told."""
    errors: list[Exception] = []
    failing = Failing(3, OSError("busy"))
    found = await retried(failing, on=(OSError,), backoff=backoff, failed=errors.append)
    assert found == "done"
    assert errors == [failing.error] * 3
    assert len(pauses.asked_s) == 3


async def test_another_error_is_raised(pauses: Pauses, backoff: Backoff) -> None:
    """A defect is not mended by trying again."""
    with pytest.raises(ValueError, match="wrong"):
        await retried(Failing(1, ValueError("wrong")), on=(OSError,), backoff=backoff)
    assert not pauses.asked_s


async def test_pauses_grow_up_to_the_longest(pauses: Pauses, backoff: Backoff) -> None:
    """They are random within their bounds, so that many callers do not come back together."""
    await retried(Failing(40, OSError()), on=(OSError,), backoff=backoff)
    assert max(pauses.asked_s[:2]) < 0.3
    assert 1.0 < max(pauses.asked_s) <= 2.0


async def test_after_a_success_pauses_are_short_again(pauses: Pauses, backoff: Backoff) -> None:
    """The next outage is another one."""
    await retried(Failing(10, OSError()), on=(OSError,), backoff=backoff)
    await retried(Failing(1, OSError()), on=(OSError,), backoff=backoff)
    assert pauses.asked_s[-1] <= 0.1
