"""A node with the handlers that are written as users write them, and what these need."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.bring_your_code.site import Site, served
from tests.support.forking.client import forked_node
from tests.support.nodes import ROOT, Node
from tests.support.servers.postgres import PostgresServer

APPLICATION = "brought"
"""The name under which the handlers' connections are listed by PostgreSQL."""


HANDLERS = ROOT / "tests" / "handlers_real"


@pytest.fixture(scope="module")
def handlers() -> Path:
    """The handlers of a file's tests."""
    return HANDLERS


@pytest.fixture(scope="module")
def brought(
    tmp_path_factory: pytest.TempPathFactory, handlers: Path, postgres_server: PostgresServer
) -> Iterator[Node]:
    """A node with one worker: so each job finds what the one before left in its process."""
    place = f"127.0.0.1:{postgres_server.port}/postgres?application_name={APPLICATION}"
    node = Node(
        tmp_path_factory.mktemp("brought"),
        {"NODE__WORKERS": 1, "HANDLERS__PATH": handlers},
        environment={"DATABASE_URL": f"postgresql://postgres@{place}", "MPLBACKEND": "Agg"},
        launch=forked_node,
    )
    try:
        yield node
        assert node.drain() == 0, node.log
    finally:
        node.close()


@pytest.fixture(autouse=True)
async def idle(brought: Node) -> AsyncIterator[None]:
    """End what a test that failed has left running: the next one uses the same worker."""
    await brought.alone()
    yield
    status, _ = await brought.call("DELETE", "/u1?status=queued,running")
    assert status == 200


class Transactions:
    """The open transactions of the handlers' connections, as PostgreSQL lists them."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    async def open(self) -> list[str]:
        """State and query of each; a connection that is idle in a pool has none."""
        return await self._ask("state || ': ' || query")

    async def in_a_query(self) -> bool:
        """Whether one waits in a query."""
        return any(re.match("active: .*pg_sleep", each) for each in await self.open())

    async def waits_for_a_lock(self) -> bool:
        """Whether one waits until another transaction ends."""
        return "Lock" in await self._ask("coalesce(wait_event_type, '')")

    async def none(self) -> bool:
        return not await self.open()

    async def end(self) -> None:
        await self._ask("pg_terminate_backend(pid)::text")

    async def _ask(self, what: str) -> list[str]:
        async with self._server.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {what} AS told FROM pg_stat_activity "  # noqa: S608 - only texts from above
                "WHERE application_name = $1 AND state <> 'idle'",
                APPLICATION,
            )
        return [row["told"] for row in rows]


@pytest.fixture
async def transactions(postgres_server: PostgresServer) -> AsyncIterator[Transactions]:
    """Those of one test: what it leaves open does not fail the next one."""
    transactions = Transactions(postgres_server)
    yield transactions
    await transactions.end()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with served() as site:
        yield site


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 3,000 sales in three regions."""
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["day", "region", "amount"])
        for number in range(3000):
            rows.writerow([f"2026-01-{number % 28 + 1:02}", "nsw"[number % 3], number % 3 + 1])
    return path
