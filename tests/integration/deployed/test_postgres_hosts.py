"""A store whose URL names several servers, of which one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.store.postgres import ANSWER_S, open_postgres
from scheduler.store.postgres_url.address import CONNECT_S
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy, in_front_of


@pytest.fixture
def links(postgres_server: PostgresServer) -> Iterator[tuple[Proxy, Proxy]]:
    """Two ways to one server, as if there were two."""
    with in_front_of(postgres_server.port) as first, in_front_of(postgres_server.port) as second:
        yield first, second


@pytest.fixture
def url(postgres_server: PostgresServer, postgres_url: str, links: tuple[Proxy, Proxy]) -> str:
    hosts = ",".join(f"127.0.0.1:{link.port}" for link in links)
    return postgres_url.replace(f"127.0.0.1:{postgres_server.port}", hosts)


@pytest.mark.parametrize("how", ["swallow", "cut"])
async def test_a_server_that_is_gone_leaves_time_for_the_next(
    how: str, links: tuple[Proxy, Proxy], url: str
) -> None:
    """A machine without power answers nothing, not even that it is not there."""
    getattr(links[0], how)()
    async with asyncio.timeout(CONNECT_S), open_postgres(url) as database:
        assert list(await database.fetch("nodes")) == []


async def test_a_statement_does_not_wait_for_a_server_that_another_has_replaced(
    links: tuple[Proxy, Proxy], url: str
) -> None:
    """It may be the insert behind which all other submissions wait."""
    async with asyncio.TaskGroup() as group, open_postgres(url) as database:
        await database.fetch("nodes")
        links[0].swallow()
        waiting = group.create_task(_refused(database.fetch("nodes")))
        await asyncio.sleep(0)
        async with asyncio.timeout(ANSWER_S - 1):
            assert list(await database.fetch("nodes")) == []
            await waiting


async def _refused(call: object) -> None:
    with pytest.raises(StoreUnavailable):
        await call  # type: ignore[misc]


async def test_where_the_url_says_nothing_a_standby_is_passed_over(
    postgres_server: PostgresServer, url: str
) -> None:
    """A store has to be written to; the driver would take whichever answers first."""
    async with postgres_server.connection() as connection:
        await connection.execute("ALTER USER postgres SET default_transaction_read_only = on")
        try:
            with pytest.raises(StoreUnavailable, match="target attribute"):
                async with open_postgres(url):
                    pass
        finally:
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute("ALTER USER postgres RESET default_transaction_read_only")
