"""Brings the schema of the store up to date without a node, with rights that no node needs."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from scheduler.basics.urls import redacted
from scheduler.node.config.loading import Config
from scheduler.node.preflight import reach
from scheduler.store import Migrated, migrated_store
from scheduler.telemetry import log_lines


def migrate(config: Config) -> str:
    """Migrate the store as the start of a node does; the line that says what was done.

    Nodes may run meanwhile, and others may do the same.

    Raises:
        StartError: the store cannot be reached or changed.
    """
    log_lines.configure(node="migrate")
    done = asyncio.run(_migrate(config, Path(config.node.data_dir).resolve()))
    where = f"store {redacted(config.store.url)}"
    match done.before:
        case done.version:
            return f"{where}: nothing to do, the schema is of version {done.version}"
        case 0:
            return f"{where}: made the schema, of version {done.version}"
        case before:
            return f"{where}: migrated the schema from version {before} to {done.version}"


async def _migrate(config: Config, data_dir: Path) -> Migrated:
    store = config.store
    async with AsyncExitStack() as stack:
        return await reach(
            "store",
            lambda: migrated_store(store.url, data_dir=data_dir, schema=store.schema),
            stack,
        )
