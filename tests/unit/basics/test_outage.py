"""What an operator reads of an outage."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from scheduler.basics.outage import Outage
from scheduler.core.errors import QueueUnavailable

AWAY = QueueUnavailable("refused")
NEVER_S = 1_000.0


@pytest.fixture
async def outage() -> Outage:
    """Of a server that has answered, and then refuses writes while it answers reads."""
    outage = Outage("the queue", quiet_s=NEVER_S)
    outage.answered()
    return outage


async def test_it_is_told_once_though_some_calls_are_answered(outage: Outage) -> None:
    """A server that is full, or a replica, answers what only reads."""
    with capture_logs() as told:
        for _ in range(100):
            outage.met(AWAY)
            outage.answered()
    assert [(line["event"], line["error"]) for line in told] == [("the queue is away", "refused")]


async def test_its_end_is_told_and_another_one_after_it() -> None:
    outage = Outage("the queue", quiet_s=0)
    outage.answered()
    with capture_logs() as told:
        for _ in range(2):
            outage.met(AWAY)
            outage.answered()
            outage.answered()
    assert [line["event"] for line in told] == ["the queue is away", "the queue is back"] * 2


async def test_before_the_first_answer_nothing_is_told() -> None:
    """Who starts the node is told by the start itself that it waits."""
    outage = Outage("the store", quiet_s=0)
    with capture_logs() as told:
        outage.met(AWAY)
        outage.answered()
        outage.answered()
    assert told == []
