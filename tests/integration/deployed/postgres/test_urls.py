"""URLs against a real server: settings, several hosts, password files, and what the log says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
import structlog

from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import open_store
from scheduler.store.postgres_url import Connector, read
from tests.integration.deployed.postgres.place import PASSWORD, Place
from tests.integration.nodes.test_node import refusal
from tests.support.nodes import Nodes
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.stores import queued

NOWHERE = "127.0.0.1:1"
"""A host that refuses connections at once."""


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[Proxy]:
    with in_front_of(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def standby() -> Iterator[PostgresServer]:
    """A server that takes no writes."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def read_only(standby: PostgresServer) -> PostgresServer:
    async with standby.connection() as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER ROLE postgres SET default_transaction_read_only = on")
    return standby


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await Connector(read(url, {})).connect(None)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_node_takes_what_a_host_hands_out_and_says_what_it_ignores(
    place: Place, start_node: Nodes
) -> None:
    """Copied from a page, with a generated password. Each ignored parameter is told once."""
    url = place.url(
        place.owner,
        sslmode="prefer",
        channel_binding="prefer",
        connect_timeout=10,
        keepalives=1,
        pgbouncer="true",
        gssencmode="disable",
    )
    node = start_node(STORE__URL=url)
    assert (await node.outcome("echo", 1))["result"] == 1
    told = [line for line in node.log.splitlines() if "is not taken as it is" in line]
    assert len(told) == 2
    assert all(any(name in line for line in told) for name in ("keepalives", "pgbouncer"))
    assert PASSWORD not in node.log
    assert quote(PASSWORD, safe="") not in node.log


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=maybe",
        "connect_timeout=soon",
        "channel_binding=maybe",
        "target_session_attrs=standby",
        "requirepeer=postgres",
        "sslrootcert=/nowhere&sslmode=verify-full",
        "service=nowhere",
    ],
)
async def test_a_parameter_that_is_refused_stops_the_start_in_one_line(
    place: Place, tmp_path: Path, query: str
) -> None:
    """With its name and what came; exit status 2, and no traceback."""
    (line,) = (await refusal(tmp_path, STORE__URL=place.url(place.owner) + query)).splitlines()

    name, _, value = query.partition("&")[0].partition("=")
    assert name in line
    assert value in line
    assert "secret" not in line
    assert quote(PASSWORD, safe="") not in line


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("search_pat=x", 'unrecognized configuration parameter "search_pat"'),
        ("applicationname=x", "applicationname; did you mean application_name?"),
        ("statement_timeout=soon", 'invalid value for parameter "statement_timeout": "soon"'),
        ("max_connections=5", 'parameter "max_connections" cannot be changed'),
        ("log_statement=all", 'permission denied to set parameter "log_statement"'),
        ("options=-c%20nowhere%3D1", 'unrecognized configuration parameter "nowhere"'),
    ],
)
async def test_a_setting_that_the_server_refuses_stops_the_start(
    place: Place, tmp_path: Path, query: str, told: str
) -> None:
    """Waiting would not help: the server says so each time."""
    with pytest.raises(StartError) as refused:
        async with open_store(place.url(place.owner) + query, data_dir=tmp_path):
            pass

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_the_server_gets_settings_options_and_name(place: Place) -> None:
    url = place.url(place.owner, options="-c lock_timeout=7s", jit="off", application_name="mine")
    async with connected(url) as connection:
        found = [
            await connection.fetchval(f"SHOW {name}")
            for name in ("lock_timeout", "jit", "application_name")
        ]

    assert found == ["7s", "off", "mine"]


async def test_a_host_that_is_down_is_passed_over(place: Place, tmp_path: Path) -> None:
    """One that refuses connections; where all do, each is named."""
    url = place.url(place.owner)
    server = f"127.0.0.1:{place.server.port}"
    async with open_store(url.replace(server, f"{NOWHERE},{server}"), data_dir=tmp_path) as store:
        assert await queued(store)

    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1: .*; 127\.0\.0\.1:2: "):
        async with open_store(url.replace(server, f"{NOWHERE},127.0.0.1:2"), data_dir=tmp_path):
            pass


async def test_a_host_that_is_switched_off_leaves_time_for_the_next(
    place: Place, proxy: Proxy, tmp_path: Path
) -> None:
    """It refuses nothing and answers nothing."""
    proxy.swallow()
    server = f"127.0.0.1:{place.server.port}"
    url = place.url(place.owner, connect_timeout=4)
    hosts = f"127.0.0.1:{proxy.port},{server}"

    async with open_store(url.replace(server, hosts), data_dir=tmp_path) as store:
        assert await queued(store)


async def test_of_several_hosts_the_one_that_takes_writes_is_used(
    postgres_url: str, postgres_server: PostgresServer, read_only: PostgresServer, tmp_path: Path
) -> None:
    """After a failover the first of the URL may be the standby."""
    server = f"127.0.0.1:{postgres_server.port}"
    hosts = f"127.0.0.1:{read_only.port},{server}"

    async with open_store(postgres_url.replace(server, hosts), data_dir=tmp_path) as store:
        assert await queued(store)


async def test_a_host_that_takes_no_writes_is_not_used(
    read_only: PostgresServer, tmp_path: Path
) -> None:
    """A failover may be under way, so the start waits a moment."""
    for more in ("", "&target_session_attrs=read-write"):
        with pytest.raises(StoreUnavailable, match=r"read-only|target attribute"):
            async with open_store(read_only.url() + more, data_dir=tmp_path):
                pass


async def test_a_password_that_is_renewed_in_its_file_is_used(place: Place, tmp_path: Path) -> None:
    """Tokens of a cloud's identity service expire while a node runs."""
    file = tmp_path / "pass"
    file.touch(mode=0o600)
    url = place.url(place.owner, passfile=file).replace(f":{quote(PASSWORD, safe='')}@", "@")
    for password in ("first", "second:2"):
        await place.execute(f"ALTER ROLE {place.owner} PASSWORD '{password}'")
        file.write_text(f"127.0.0.1:*:{place.database}:{place.owner}:{password}\n")
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_nothing_is_told_of_what_is_fulfilled_anyway(place: Place, tmp_path: Path) -> None:
    url = place.url(place.owner, channel_binding="disable", sslsni=1, gssencmode="prefer")
    with structlog.testing.capture_logs() as lines:
        async with open_store(url, data_dir=tmp_path):
            pass

    assert lines == []
