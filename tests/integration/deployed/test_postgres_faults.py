"""What an operator or a failing server does to PostgreSQL while a node works on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler.store import open_store
from tests.integration.nodes.test_node import refusal
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.postgres import PostgresServer

RAISES = """
CREATE TABLE raised (code text);
CREATE FUNCTION raised() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM set_config('search_path', TG_TABLE_SCHEMA, true);
    IF EXISTS (SELECT FROM raised) THEN
        RAISE EXCEPTION 'raised' USING ERRCODE = (SELECT code FROM raised);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER raised AFTER INSERT OR UPDATE OR DELETE ON jobs EXECUTE FUNCTION raised();
CREATE TRIGGER raised AFTER INSERT OR UPDATE OR DELETE ON nodes EXECUTE FUNCTION raised();
"""
CODES = """
    08000 08P01 0A000 0L000 0P000 20000 21000 22003 22P05 23514 25006 25P02 26000
    28000 2BP01 2D000 2F000 34000 38000 39000 3B000 3D000 3F000 40001 40P01 42501
    42601 42703 42P01 42P05 44000 53000 53100 53200 53300 54000 55000 55P03 57000
    57014 57P01 57P02 57P03 58000 58030 F0000 HV000 P0000 P0001 XX000 XX001 XX002
    ZZ999
"""
"""Of each class of the appendix that an error can have; some that it does not know."""


@dataclass
class Operator:
    """A superuser, and the user of the node."""

    connection: Any
    user: str
    schema: str

    async def run(self, *statements: str) -> None:
        for statement in statements:
            await self.connection.execute(
                statement.replace("USER_", self.user).replace("SCHEMA_", self.schema)
            )

    async def disconnect(self) -> None:
        """Settings of a user count from the next connection on."""
        await self.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'USER_'"
        )


@pytest.fixture
async def operator(postgres_server: PostgresServer, postgres_url: str) -> AsyncIterator[Operator]:
    schema = postgres_url.rpartition("=")[2]
    async with postgres_server.connection(schema=schema) as connection:
        operator = Operator(connection, f"user_{schema}", schema)
        await operator.run("CREATE USER USER_", "GRANT ALL ON SCHEMA SCHEMA_ TO USER_")
        yield operator
        await operator.disconnect()


@pytest.fixture
def url(postgres_url: str, operator: Operator) -> str:
    return postgres_url.replace("postgres@", f"{operator.user}@")


Fault = Callable[[Operator], AbstractAsyncContextManager[None]]


def changed(*there: str, back: str, reconnects: bool = False) -> Fault:
    """A fault that is some statements, and other statements that mend it."""

    @asynccontextmanager
    async def fault(operator: Operator) -> AsyncIterator[None]:
        await operator.run(*there)
        if reconnects:
            await operator.disconnect()
        yield
        await operator.run(back)
        if reconnects:
            await operator.disconnect()

    return fault


def setting(name: str, value: str) -> Fault:
    return changed(
        f"ALTER USER USER_ SET {name} = '{value}'",
        back=f"ALTER USER USER_ RESET {name}",
        reconnects=True,
    )


@asynccontextmanager
async def locked(operator: Operator) -> AsyncIterator[None]:
    """Another program holds the table, and the user's statements wait for no lock (55P03)."""
    async with setting("lock_timeout", "50ms")(operator), operator.connection.transaction():
        await operator.run("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def too_slow(operator: Operator) -> AsyncIterator[None]:
    """The same, and the user's statements may not take long (57014)."""
    async with setting("statement_timeout", "50ms")(operator), operator.connection.transaction():
        await operator.run("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        yield


FAULTS = {
    "locked": locked,
    "read-only": setting("default_transaction_read_only", "on"),
    "too slow": too_slow,
    "grants revoked": changed(
        "REVOKE ALL ON ALL TABLES IN SCHEMA SCHEMA_ FROM USER_",
        back="GRANT ALL ON ALL TABLES IN SCHEMA SCHEMA_ TO USER_",
    ),
    "table gone": changed(
        "ALTER TABLE jobs RENAME TO gone", back="ALTER TABLE gone RENAME TO jobs"
    ),
    "column gone": changed(
        "ALTER TABLE jobs RENAME uid TO gone", back="ALTER TABLE jobs RENAME gone TO uid"
    ),
    "schema gone": changed(
        "ALTER SCHEMA SCHEMA_ RENAME TO SCHEMA_gone",
        back="ALTER SCHEMA SCHEMA_gone RENAME TO SCHEMA_",
        reconnects=True,
    ),
    "no login": changed("ALTER USER USER_ NOLOGIN", back="ALTER USER USER_ LOGIN", reconnects=True),
    "no connection left": changed(
        "ALTER USER USER_ CONNECTION LIMIT 0",
        back="ALTER USER USER_ CONNECTION LIMIT -1",
        reconnects=True,
    ),
}


@pytest.fixture
def node(start_node: Nodes, url: str) -> Node:
    return start_node(STORE__URL=url, NODE__LEASE_S=120)


async def make_the_schema(url: str, folder: Path) -> None:
    """As an earlier start of a node leaves it."""
    async with open_store(url, data_dir=folder):
        pass


async def submitted(node: Node) -> int:
    status, _ = await node.call("POST", "/", {"uid": "u1", "task": "echo"})
    return status


async def accepts(node: Node) -> bool:
    return await submitted(node) == 202


async def test_a_node_outlives_what_is_done_to_its_database(
    node: Node, operator: Operator, tmp_path: Path
) -> None:
    """Meanwhile its requests are refused and its results kept; afterwards nothing runs twice."""
    for name, fault in FAULTS.items():
        file = tmp_path / name
        job = await node.submit("until", {"file": str(file)})
        await eventually(file.exists)
        async with fault(operator):
            file.unlink()
            assert await submitted(node) == 503, name
        await eventually(lambda: accepts(node), within_s=60)
        found = await node.job(job, wait_s=30)
        assert (found["status"], found["attempt"]) == ("successful", 1)
    assert node.drain() == 0, node.log


async def test_a_node_outlives_every_code_of_a_server(
    node: Node, operator: Operator, tmp_path: Path
) -> None:
    """Extensions, triggers and poolers may raise any: none ends the node, and no job is lost."""
    await operator.run(RAISES)
    file = tmp_path / "file"
    job = await node.submit("until", {"file": str(file)})
    await eventually(file.exists)
    for code in CODES.split():
        await operator.run(f"INSERT INTO raised VALUES ('{code}')")  # noqa: S608 - from above
        statuses = {await submitted(node) for _ in range(2)}
        assert statuses <= {500, 503}, code
        await operator.run("DELETE FROM raised")
    await operator.run("INSERT INTO raised VALUES ('53100')")
    file.unlink()
    await eventually(lambda: node.log.count("the store is away"))
    await operator.run("DELETE FROM raised")
    found = await node.job(job, wait_s=30)
    assert (found["status"], found["attempt"]) == ("successful", 1)
    assert await accepts(node)
    assert node.drain() == 0, node.log


async def test_a_changed_table_costs_no_request(node: Node, operator: Operator) -> None:
    """The plans that PostgreSQL has kept are of no use any more: the driver makes new ones."""
    assert (await node.outcome("echo", 1))["status"] == "successful"
    await operator.run("ALTER TABLE jobs ADD COLUMN later integer")
    await operator.run("ALTER TABLE nodes ALTER COLUMN name TYPE varchar(99)")
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert "pooler" not in node.log
    assert "away" not in node.log


@pytest.mark.parametrize("name", ["grants revoked", "no login", "read-only"])
async def test_a_start_on_a_database_at_fault_ends_in_one_line(
    name: str, operator: Operator, url: str, tmp_path: Path
) -> None:
    await make_the_schema(url, tmp_path)
    async with FAULTS[name](operator):
        said = await refusal(tmp_path, STORE__URL=url)
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, said


async def test_connections_that_the_server_ends_while_idle_cost_no_request(
    node: Node, operator: Operator
) -> None:
    """Managed servers do so after minutes (57P05); the pool replaces such a connection unseen."""
    # Far longer than a busy node takes from one statement of a session to the next.
    async with setting("idle_session_timeout", "600ms")(operator):
        await eventually(lambda: accepts(node))
        for _ in range(5):
            await asyncio.sleep(0.8)
            assert await submitted(node) == 202
    assert "Traceback" not in node.log


@pytest.mark.parametrize("code", ["23514", "53100", "ZZ999"])
async def test_a_node_that_cannot_register_says_so_in_one_line(
    code: str, operator: Operator, url: str, tmp_path: Path
) -> None:
    """The schema is there, and the first write after it fails."""
    await make_the_schema(url, tmp_path)
    await operator.run(RAISES, f"INSERT INTO raised VALUES ('{code}')")  # noqa: S608 - from above
    said = await refusal(tmp_path, STORE__URL=url)
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, said
    assert "the start was cut short" in said
