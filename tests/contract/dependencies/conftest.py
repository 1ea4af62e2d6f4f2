"""Every store, and the fake that tests of the scheduler use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.fakes import MemoryStore


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param != "postgres":
        return str(request.param)
    postgres_url: str = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    if url == "memory":
        yield MemoryStore()
    else:
        async with open_store(url, data_dir=tmp_path) as opened:
            yield opened
