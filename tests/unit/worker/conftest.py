"""A crew on a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import MemoryStore
from tests.support.workers import Crew, at_work


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    async with at_work(MemoryStore()) as crew:
        yield crew
