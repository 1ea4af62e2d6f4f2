"""What follows from the answer to a try of a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from scheduler.core.webhook import (
    RETRY_LONGEST_S,
    CallStatus,
    Event,
    HookCall,
    Verdict,
    receiver,
    verdict,
)
from tests.support.stores import AT

RECEIVER = "https://a.example:8443/"
CALL = HookCall(
    id="c1",
    job_id="j1",
    event=Event.ENDED,
    payload=None,
    status=CallStatus.DUE,
    tries=1,
    created_at=AT,
    due_at=AT,
    answer=None,
)
DAY_S = 86_400.0


def judged(
    code: int | None,
    *,
    tries: int = 1,
    after_s: float = 0,
    give_up_s: float = DAY_S,
    seed: int = 1,
    retry_after_s: float | None = None,
) -> Verdict:
    return verdict(
        replace(CALL, tries=tries),
        code,
        at=AT + timedelta(seconds=after_s),
        give_up_s=give_up_s,
        random=Random(seed),  # noqa: S311 - spreads tries
        retry_after_s=retry_after_s,
    )


@pytest.mark.parametrize("code", [200, 202, 204, 299])
def test_a_2xx_is_success(code: int) -> None:
    assert judged(code) == Verdict(status=CallStatus.DELIVERED)


@pytest.mark.parametrize("code", [None, 100, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again(code: int | None) -> None:
    """A redirect, too: it is not followed, and may be a mistake of the receiver."""
    again = judged(code)
    assert again.status is CallStatus.DUE
    assert again.due_at is not None
    assert again.due_at > AT


def test_410_gives_a_call_up_at_once() -> None:
    assert judged(410) == Verdict(status=CallStatus.GIVEN_UP)


def test_pauses_between_tries_grow_up_to_an_hour() -> None:
    """With jitter: a receiver that comes back must not get all calls at once."""

    def waits_s(tries: int) -> set[float]:
        dues = [judged(503, tries=tries, seed=seed).due_at or AT for seed in range(50)]
        return {(due - AT).total_seconds() for due in dues}

    assert max(waits_s(1)) <= 0.2
    assert max(waits_s(10)) > 60
    assert 0.9 * RETRY_LONGEST_S < max(waits_s(40)) <= RETRY_LONGEST_S
    assert len(waits_s(40)) == 50


def test_a_call_is_given_up_when_the_next_try_would_be_too_late() -> None:
    assert judged(503, after_s=DAY_S - 1).status is CallStatus.DUE
    assert judged(503, after_s=DAY_S).status is CallStatus.GIVEN_UP
    assert judged(200, after_s=2 * DAY_S).status is CallStatus.DELIVERED


def test_a_call_may_be_tried_just_once() -> None:
    assert judged(503, give_up_s=0).status is CallStatus.GIVEN_UP


@pytest.mark.parametrize("path", ["", "/", "/hook", "/hook/b?c=/d", "//"])
def test_hooks_with_one_scheme_host_and_port_have_one_receiver(path: str) -> None:
    assert receiver(f"https://a.example:8443{path}") == RECEIVER


@pytest.mark.parametrize("url", ["http://a.example:8443/", "https://a.example/", "https://a/"])
def test_another_scheme_host_or_port_is_another_receiver(url: str) -> None:
    assert receiver(url) != RECEIVER


def test_a_receiver_that_asks_for_time_is_not_called_before() -> None:
    """And not by all calls at the same moment after it."""
    dues = {judged(429, retry_after_s=120, seed=seed).due_at or AT for seed in range(20)}
    assert all(120 < (due - AT).total_seconds() < 121 for due in dues)
    assert len(dues) == 20


@pytest.mark.parametrize("wait_s", [DAY_S, 30 * DAY_S])
def test_a_receiver_that_asks_for_too_much_time_gets_a_last_try_in_time(wait_s: float) -> None:
    """A call must not be lost because a receiver says something absurd."""
    last = AT + timedelta(seconds=DAY_S)
    again = judged(503, after_s=60, retry_after_s=wait_s)
    assert again == Verdict(status=CallStatus.DUE, due_at=last)
    assert judged(503, after_s=DAY_S, retry_after_s=wait_s).status is CallStatus.GIVEN_UP
