"""Workers on a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import MemoryStore
from tests.support.workers import NodeUnderTest, at_work


@pytest.fixture
async def workers() -> AsyncIterator[NodeUnderTest]:
    async with at_work(MemoryStore()) as workers:
        yield workers
