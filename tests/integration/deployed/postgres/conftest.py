"""The database of one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.deployed.postgres.place import Place, opened_place
from tests.support.servers.postgres import PostgresServer


@pytest.fixture
async def place(postgres_server: PostgresServer) -> AsyncIterator[Place]:
    async with opened_place(postgres_server) as place:
        yield place
