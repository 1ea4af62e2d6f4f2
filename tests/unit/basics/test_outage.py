"""What an operator reads in the log about an outage."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from scheduler.basics.outage import Outage
from scheduler.core.errors import QueueUnavailable

AWAY = QueueUnavailable("refused")
NEVER_S = 1_000.0


@pytest.fixture
async def outage() -> Outage:
    """A server that has answered once, and then refuses writes while it answers reads."""
    outage = Outage("the queue", quiet_s=NEVER_S)
    outage.answered()
    return outage


async def test_an_outage_is_logged_once_though_some_calls_are_answered(outage: Outage) -> None:
    """A server that is full, or a replica, still answers reads."""
    with capture_logs() as logged:
        for _ in range(100):
            outage.failed(AWAY)
            outage.answered()
    assert [(line["event"], line["error"]) for line in logged] == [("the queue is away", "refused")]


async def test_the_end_of_an_outage_and_the_next_outage_are_logged() -> None:
    outage = Outage("the queue", quiet_s=0)
    outage.answered()
    with capture_logs() as logged:
        for _ in range(2):
            outage.failed(AWAY)
            outage.answered()
            outage.answered()
    assert [line["event"] for line in logged] == ["the queue is away", "the queue is back"] * 2


async def test_before_the_first_answer_nothing_is_logged() -> None:
    """The start of the node logs that it waits."""
    outage = Outage("the store", quiet_s=0)
    with capture_logs() as logged:
        outage.failed(AWAY)
        outage.answered()
        outage.answered()
    assert logged == []
