"""A crew on a store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crew import Crew, at_work
from tests.fakes import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    async with at_work(MemoryStore()) as crew:
        yield crew
