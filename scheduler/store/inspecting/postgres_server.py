"""Looks at a PostgreSQL by one connection: version, schema, rights, clock, pooler, round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, Level, missing, ok, short, warning, within
from scheduler.installation import page
from scheduler.store.database import Migrated
from scheduler.store.inspecting.namesakes import OwnNode, namesakes
from scheduler.store.postgres import ServerConnection, connected
from scheduler.store.postgres_schema import LATEST, look, must_have_rights, prefix
from scheduler.store.postgres_url import Remark
from scheduler.store.statements import quoted

ROUND_TRIPS: Final = 7
ROUND_TRIP_S: Final = 0.02
"""A submission takes one round trip, and an abort some: above this, users feel them."""
CLOCK_S: Final = 1.0
"""The times of a job are those of the nodes: with more, they contradict each other."""

_MAY_MIGRATE: Final = """
SELECT CASE
  WHEN to_regnamespace($1) IS NULL THEN has_database_privilege(current_database(), 'CREATE')
  WHEN to_regclass($1 || '.jobs') IS NULL THEN has_schema_privilege(to_regnamespace($1), 'CREATE')
  ELSE pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass($1 || '.jobs')), 'USAGE')
END
"""
_GRANTS: Final = f"grant the role what {page('docs/postgresql.md')} lists"


async def inspect_server(url: str, *, schema: str, own: OwnNode) -> tuple[Sequence[Finding], str]:
    """What was found, and the identity of the store; empty where it has no schema yet.

    Raises:
        StartError, StoreUnavailable: it cannot be used.
    """
    async with connected(url, schema=schema) as server:
        connection = server.connection
        findings = [await _version(server), *map(_remark, server.remarks)]
        findings += [await _round_trip(connection)]
        findings += [await _clock(connection), *await _pooler(connection)]
        try:
            found = await look(connection, server.schema, server.where)
        except StartError as error:
            mend = "start the newer version of the scheduler, or grant the rights"
            return [*findings, missing("store schema", str(error), mend)], ""
        findings += [await _schema(server, found), *await _rights(server, found)]
        if found.version == LATEST and all(each.status is not Level.MISSING for each in findings):
            findings += await namesakes(connection, prefix(server.schema), own)
    return findings, found.identity


async def _version(server: ServerConnection) -> Finding:
    version = await server.connection.fetchval("SHOW server_version")
    found = f"PostgreSQL {version}, {server.where}"
    if await server.connection.fetchval("SELECT pg_is_in_recovery()"):
        return missing("store", f"{found}: a standby, which only reads", "name the primary")
    return ok("store", found)


def _remark(remark: Remark) -> Finding:
    parameter, value, why = remark
    found = f"{parameter} = {value} is not taken as it is: {why}"
    return warning("store url", found, f"leave {parameter} out of [store] url")


async def _round_trip(connection: asyncpg.Connection) -> Finding:
    took = []
    for _ in range(ROUND_TRIPS):
        since = time.perf_counter()
        await connection.fetchval("SELECT 1")
        took.append(time.perf_counter() - since)
    median_s = sorted(took)[ROUND_TRIPS // 2]
    return within(
        "store round trip",
        short(median_s),
        "run the node nearer to the store",
        fine=median_s <= ROUND_TRIP_S,
    )


async def _clock(connection: asyncpg.Connection) -> Finding:
    """The difference of the clocks, as exact as half a round trip."""
    before = time.time()
    there = (await connection.fetchval("SELECT clock_timestamp()")).timestamp()
    ahead_s = there - (before + time.time()) / 2
    return within(
        "store clock",
        f"{abs(ahead_s):.3f} s {'ahead' if ahead_s > 0 else 'behind'}",
        "let both machines take the time from NTP",
        fine=abs(ahead_s) <= CLOCK_S,
    )


async def _pooler(connection: asyncpg.Connection) -> Sequence[Finding]:
    """A pooler hides the server's process: it has told the client another number."""
    told, pids = connection.get_server_pid(), set[int]()
    for _ in range(ROUND_TRIPS):
        pids.add(await connection.fetchval("SELECT pg_backend_pid()"))
        await asyncio.sleep(0)
    if pids == {told}:
        return []
    mode = "one that shares connections" if len(pids) > 1 else "its mode cannot be seen"
    return [ok("store pooler", f"such as PgBouncer, {mode}; transaction mode is fine, too")]


async def _schema(server: ServerConnection, found: Migrated) -> Finding:
    if found.version == LATEST:
        return ok("store schema", f"version {LATEST}, nothing to migrate")
    version = f"version {found.version}" if found.version else "not there yet"
    if await _may_migrate(server):
        return ok("store schema", f"{version}; the start makes version {LATEST}")
    return missing(
        "store schema",
        f"{version}, and this role may not make version {LATEST}",
        "run `migrate` with the role that owns the tables",
    )


async def _may_migrate(server: ServerConnection) -> bool:
    schema = server.schema or await server.connection.fetchval("SELECT current_schema()")
    return bool(schema and await server.connection.fetchval(_MAY_MIGRATE, quoted(schema)))


async def _rights(server: ServerConnection, found: Migrated) -> Sequence[Finding]:
    if found.version < LATEST:
        return []
    try:
        await must_have_rights(server.connection, server.schema, server.where)
    except StartError as error:
        return [missing("store rights", str(error), _GRANTS)]
    role = await server.connection.fetchval("SELECT current_user")
    return [ok("store rights", f"role {role} reads and writes all tables")]
