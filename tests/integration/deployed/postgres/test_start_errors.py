"""What a server may answer to a connection: at the start one line, and then never a node's end."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import open_store
from tests.integration.deployed.postgres.place import Place
from tests.integration.nodes.test_node import refusal
from tests.support.servers.stream_server import stream_server
from tests.support.stores import queued

WRONG = "28000 28P01 3D000 42501 42704 22023 55P02 0A000 P0001 ZZ999"
AWAY = "57P03 53300 53400 08P01 08004 55000 XX000 25006"


def error(code: str, text: str = "so it says") -> bytes:
    """An ErrorResponse of PostgreSQL's protocol."""
    parts = (b"SFATAL", b"VFATAL", b"C" + code.encode(), b"M" + text.encode(), b"Da\nb")
    fields = b"".join(part + b"\0" for part in parts)
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"


def asked(method: int, more: bytes = b"") -> bytes:
    """A request for a way to log in."""
    return b"R" + struct.pack("!ii", 8 + len(more), method) + more


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that answers each connection so; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with stream_server(serve) as port:
        yield f"postgresql://me:sesame@127.0.0.1:{port}/db?sslmode=disable"


async def complaint(url: str, folder: Path, kind: type[Exception]) -> str:
    with pytest.raises(kind) as refused:
        async with open_store(url, data_dir=folder):
            pass
    line = str(refused.value)
    assert "\n" not in line
    assert "sesame" not in line
    return line


@pytest.mark.parametrize("code", WRONG.split())
async def test_what_the_operator_must_correct_is_told_at_once(tmp_path: Path, code: str) -> None:
    async with answering(error(code)) as url:
        assert "so it says" in await complaint(url, tmp_path, StartError)


@pytest.mark.parametrize("code", AWAY.split())
async def test_what_may_pass_is_waited_for(tmp_path: Path, code: str) -> None:
    """A server that starts, has too many clients, or is being moved by its host."""
    async with answering(error(code)) as url:
        assert "so it says" in await complaint(url, tmp_path, StoreUnavailable)


@pytest.mark.parametrize(
    "answer",
    [
        asked(2),
        asked(3),
        asked(7),
        asked(9),
        asked(77),
        asked(10, b"SCRAM-SHA-256-PLUS\0\0"),
        asked(10, b"OAUTHBEARER\0\0"),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR unknown command\r\n",
        b"",
    ],
)
async def test_what_is_no_login_of_postgresql_is_one_line(tmp_path: Path, answer: bytes) -> None:
    """Kerberos, a way of a later version, or a port of something else."""
    async with answering(answer) as url:
        assert await complaint(url, tmp_path, StoreUnavailable)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER ROLE {role} PASSWORD 'other'", "password authentication failed for user"),
        ("ALTER ROLE {role} PASSWORD NULL", "password authentication failed for user"),
        ("ALTER ROLE {role} NOLOGIN", "is not permitted to log in"),
        ("ALTER ROLE {role} VALID UNTIL '2000-01-01'", "password authentication failed"),
        ("REVOKE CONNECT ON DATABASE {database} FROM {role}", "permission denied for database"),
        ("ALTER DATABASE {database} RENAME TO {database}_", "does not exist"),
    ],
)
async def test_a_role_that_may_not_log_in_stops_the_start(
    place: Place, tmp_path: Path, sql: str, told: str
) -> None:
    """A password, a right, or a name is wrong: one line at once, exit status 2."""
    async with place.server.connection() as connection:
        await connection.execute(f"GRANT CONNECT ON DATABASE {place.database} TO {place.role}")
        await connection.execute(sql.format(role=place.role, database=place.database))
        try:
            (line,) = (await refusal(tmp_path, STORE__URL=place.url(place.role))).splitlines()
        finally:
            if "RENAME" in sql:
                await connection.execute(
                    f"ALTER DATABASE {place.database}_ RENAME TO {place.database}"
                )

    assert told in line
    assert "***" in line
    assert "p%40ss" not in line


async def test_a_login_without_a_password_is_told(place: Place, tmp_path: Path) -> None:
    """A secret that was not passed on."""
    url = f"postgresql://{place.owner}@127.0.0.1:{place.server.port}/{place.database}"
    with pytest.raises((StartError, StoreUnavailable), match="password"):
        async with open_store(url, data_dir=tmp_path):
            pass


async def test_what_is_wrong_beside_the_url_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that no host can have, and a variable that the URL leaves to the environment."""
    named = await complaint(f"postgresql://me:sesame@{'a' * 64}/db", tmp_path, StartError)
    assert "the name of a host" in named
    monkeypatch.setenv("PGPORT", "sesam")
    assert "a variable PG" in await complaint("postgresql://me@127.0.0.1/db", tmp_path, StartError)


async def test_a_server_that_takes_no_more_connections_is_waited_for_and_told(
    place: Place, tmp_path: Path
) -> None:
    """Too many clients of the server, the role or the database; and a server that starts."""
    await place.execute(f"GRANT CONNECT ON DATABASE {place.database} TO {place.role}")
    await place.execute(f"ALTER ROLE {place.role} CONNECTION LIMIT 0")
    (tmp_path / "starting").mkdir()
    async with (
        answering(error("57P03", "the database system is starting up")) as starting,
        asyncio.TaskGroup() as group,
    ):
        full = group.create_task(refusal(tmp_path, STORE__URL=place.url(place.role)))
        early = group.create_task(refusal(tmp_path / "starting", STORE__URL=starting))

    for said, told in (
        (full.result(), "too many connections for role"),
        (early.result(), "the database system is starting up"),
    ):
        wait, last = said.strip().splitlines()
        assert "waiting up to 10 s" in wait
        assert "cannot be reached" in last
        assert told in last
        assert "sesame" not in said


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ALTER DATABASE {0} ALLOW_CONNECTIONS false", "ALTER DATABASE {0} ALLOW_CONNECTIONS true"),
        ("ALTER ROLE {1} NOLOGIN", "ALTER ROLE {1} LOGIN"),
        ("ALTER ROLE {1} CONNECTION LIMIT 0", "ALTER ROLE {1} CONNECTION LIMIT -1"),
    ],
)
async def test_a_store_that_is_open_waits_for_a_server_that_refuses_new_connections(
    place: Place, tmp_path: Path, wrong: str, right: str
) -> None:
    """Whatever it says: what was taken away and is given back is no defect of the node."""
    names = (place.database, place.owner)
    async with (
        place.server.connection() as connection,
        open_store(place.url(place.owner), data_dir=tmp_path) as store,
    ):
        await connection.execute(wrong.format(*names))
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
            place.database,
        )
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await queued(store)
        await connection.execute(right.format(*names))
        assert await queued(store)
