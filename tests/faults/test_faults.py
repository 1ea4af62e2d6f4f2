"""A fault hits the n-th call to the store or the queue, for every n of a whole story."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import pytest
import structlog

from tests.faults.town import story
from tests.faults.virtual import VirtualLoop
from tests.support.effort import rounds
from tests.support.gate import FAULTS, Trouble

STRIDE: Final = int(os.environ.get("STRIDE", rounds(15, long=5)))
"""A fault hits every fifteenth call, from another start for each; `make model` hits every one."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Log only critical lines: thousands of nodes die here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def told(trouble: Trouble) -> Trouble:
    """Run the story with this fault."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        try:
            runner.run(story(trouble))
        except BaseException as failure:
            failure.add_note(f"call {trouble.nth}, {trouble.struck}, {trouble.fault.__name__}")
            raise
    return trouble


@pytest.mark.timeout(0)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_to_a_call_every_invariant_holds(
    fault: Callable[..., Awaitable[object]],
) -> None:
    """The guarantees hold though a call fails, loses its answer, hangs, repeats or comes late."""
    calls = told(Trouble()).calls
    for nth in range(1 + FAULTS.index(fault), calls + 1, STRIDE):
        assert told(Trouble(nth, fault)).struck != "nothing"
