"""Migrate a database to the schema of this version of the scheduler. Forward only."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from scheduler.core.errors import StartError
from scheduler.store.database import Migrated, Row
from scheduler.store.statements import Dialect, migrations

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS installation (identity text NOT NULL, version integer NOT NULL)
"""
RANDOM: Final = "$random"
"""In a migration: 256 random bits in hexadecimal, which databases do not all make alike."""
LOOK: Final = "SELECT identity, version FROM installation"


async def migrate(
    dialect: Dialect,
    *,
    where: str,
    run: Callable[[str], Awaitable[object]],
    fetch: Callable[[str], Awaitable[Iterable[Row]]],
) -> Migrated:
    """Run the migrations that the database lacks.

    The caller ensures that nobody else does the same at the same time.

    Args:
        dialect: the database's.
        where: the database's path or URL, for messages.
        run: runs a script, whole or not at all.
        fetch: returns the rows of a query.

    Raises:
        StartError: the schema is newer than this version knows.
    """
    await run(_TABLE)
    if not list(await fetch(LOOK)):
        await run(f"INSERT INTO installation VALUES ('{secrets.token_hex(16)}', 0)")  # noqa: S608
    (installation,) = await fetch(LOOK)
    scripts, before = migrations(dialect), installation["version"]
    must_be_known(dialect, before, where=where)
    for number, script in enumerate(scripts[before:], before + 1):
        script = script.replace(RANDOM, secrets.token_hex(32))  # noqa: PLW2901 - each is run once
        await run(f"{script}; UPDATE installation SET version = {number}")  # noqa: S608
    return Migrated(str(installation["identity"]), before, len(scripts))


def latest(dialect: Dialect) -> int:
    """The version that the migrations lead to."""
    return len(migrations(dialect))


def must_be_known(dialect: Dialect, version: int, *, where: str) -> None:
    """Check that a database's version is not of a newer scheduler.

    Raises:
        StartError: it is.
    """
    if version > latest(dialect):
        raise StartError(
            f"{where}: the schema is of version {version}, and this scheduler knows up to"
            f" {latest(dialect)}: a newer one has been here, start that again"
        )
