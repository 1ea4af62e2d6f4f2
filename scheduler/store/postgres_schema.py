"""The schema of a PostgreSQL: looked at on each start, changed only where it is behind.

A node whose role may do no more than read and write rows so starts where the schema is ready. What
is missing then is named: a version, which `python main.py migrate` brings, or a right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from scheduler.core.errors import StartError
from scheduler.installation import page
from scheduler.store.database import Migrated
from scheduler.store.schema import latest, migrate, must_be_known
from scheduler.store.statements import Dialect, quoted

MIGRATE_S: Final = 300.0
"""Timeout for a migration of a large table, on this node or on another that runs it already."""
LATEST: Final = latest(Dialect.POSTGRESQL)
LOCK_S: Final = 5
"""Timeout for a lock that a migration needs. While it waits, for a dump that reads the table, say,
each statement of a node waits behind it: so this is shorter than their timeout for an answer."""
IDLE_S: Final = 5
"""How long the server waits for the next statement of a transaction, and for the end of it. Whoever
waits for a lock of the transaction waits no longer than this, which is less than their timeout for
an answer: its node may be frozen, or cut off."""
IDLE_BOUND: Final = f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'"
"""For one transaction, so that a pooler's other sessions are left alone."""
MIGRATION_LOCK: Final = 0x41746C616E
"""A number that no other program uses for an advisory lock; each schema has a lock of its own."""
RIGHTS: Final[Mapping[str, Sequence[str]]] = {
    "installation": ("SELECT",),
    "audit": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "awaited_ends": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "edges": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "hook_calls": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "jobs": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "limiter_holds": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "limiters": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "logs": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "nodes": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "occurrences": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "pauses": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "schedules": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "secrets": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "sessions": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "tokens": ("SELECT", "INSERT", "UPDATE", "DELETE"),
}
"""What a node's role must be granted, for each table; docs/postgresql.md has the statements."""
LOCK: Final = """
SELECT pg_advisory_xact_lock(hashtextextended(coalesce(nullif($1, ''), current_schema(), ''), $2))
"""
_MISSING: Final = """
SELECT string_agg(format('%s on %s', wanted ->> 1, wanted ->> 0), ', ')
  FROM jsonb_array_elements($1::jsonb) AS wanted
 WHERE has_table_privilege(to_regclass($2 || (wanted ->> 0)), wanted ->> 1) IS NOT TRUE
"""

_GRANTS: Final = f"; {page('docs/postgresql.md')} has the grants that the role of a node needs"


async def prepared(connection: asyncpg.Connection, *, schema: str, where: str) -> Migrated:
    """Look whether the schema is of this version, and migrate it where it is older.

    Nodes that start together wait for the first.

    Raises:
        StartError: it is newer, or the role lacks the rights to change it or to use it.
    """
    found = await look(connection, schema, where)
    if found.version < LATEST:
        try:
            async with connection.transaction():
                found = await _updated(connection, schema, where)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError) as error:
            version = f"of version {found.version}" if found.version else "not there yet"
            raise StartError(
                f"{where}: the schema is {version}, and this scheduler needs version {LATEST},"
                f" which this role may not make ({error}): run `python main.py migrate` with the"
                " role that owns the tables"
            ) from error
    await must_have_rights(connection, schema, where)
    return found


async def look(connection: asyncpg.Connection, schema: str, where: str) -> Migrated:
    """The version that is there; 0: none. It changes nothing.

    Raises:
        StartError: it is newer than this scheduler, or must not be read.
    """
    table = f"{prefix(schema)}installation"
    try:
        there = await connection.fetchval("SELECT to_regclass($1)", table)
        select = f"SELECT identity, version FROM {table}"  # noqa: S608
        found = await connection.fetchrow(select) if there else None
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartError(f"{where}: {error}{_GRANTS}") from error
    if found is None:
        return Migrated("", 0, 0)
    must_be_known(Dialect.POSTGRESQL, found["version"], where=where)
    return Migrated(found["identity"], found["version"], found["version"])


async def _updated(connection: asyncpg.Connection, schema: str, where: str) -> Migrated:
    """Migrate, unless another one has while this one waited for it."""
    await connection.execute(IDLE_BOUND)
    await connection.execute(LOCK, schema, MIGRATION_LOCK, timeout=MIGRATE_S)
    found = await look(connection, schema, where)
    return found if found.version == LATEST else await _migrated(connection, schema, where)


async def must_have_rights(connection: asyncpg.Connection, schema: str, where: str) -> None:
    """Check the rights that each statement needs: a node without one would fail at it later.

    Raises:
        StartError: the role lacks one.
    """
    wanted = [[table, right] for table, rights in RIGHTS.items() for right in rights]
    missing = await connection.fetchval(_MISSING, json.dumps(wanted), prefix(schema))
    if missing:
        raise StartError(f"{where}: this role lacks the rights {missing}{_GRANTS}")


async def _migrated(connection: asyncpg.Connection, schema: str, where: str) -> Migrated:
    async def run(script: str) -> None:
        await connection.execute(script, timeout=MIGRATE_S)

    async def fetch(query: str) -> Sequence[Any]:
        rows: Sequence[Any] = await connection.fetch(query)
        return rows

    await run(f"SET LOCAL lock_timeout = '{LOCK_S}s'; SET LOCAL statement_timeout = 0")
    if schema:
        if not await connection.fetchval("SELECT to_regnamespace($1)", quoted(schema)):
            await run(f"CREATE SCHEMA {quoted(schema)}")
        # Until the end of the transaction, so that a pooler's other sessions are left alone.
        await run(f"SET LOCAL search_path TO {quoted(schema)}")
    return await migrate(Dialect.POSTGRESQL, where=where, run=run, fetch=fetch)


def prefix(schema: str) -> str:
    """What stands before the name of a table in this schema; empty for that of the search path."""
    return f"{quoted(schema)}." if schema else ""
