"""Looks in a PostgreSQL for other nodes with the name of a node; asks for some renewals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import asyncpg

from scheduler.core.finding import Finding, warning

WATCH_S_MAX: Final = 3.0
"""A check may take 5 s. Nodes with a `lease_s` of more than 36 s are not seen to live within it."""
LOOK_S: Final = 0.1
_BEATS: Final = "SELECT id, beat FROM {prefix}nodes WHERE name = $1"


class OwnNode(NamedTuple):
    """The node for which a store is looked at."""

    name: str
    renewal_s: float
    """How often it renews its lease."""
    runs: bool
    """Whether it runs now, and so is one of those that are registered."""


async def namesakes(connection: asyncpg.Connection, prefix: str, own: OwnNode) -> Sequence[Finding]:
    """A warning where others of this name live: their beats grow, and those of the dead do not."""
    first = await _beats(connection, prefix, own.name)
    alive = set[str]()
    left_s = min(WATCH_S_MAX, 3 * own.renewal_s)
    while len(first) > own.runs >= len(alive) and left_s > 0:
        await asyncio.sleep(LOOK_S)
        left_s -= LOOK_S
        now = await _beats(connection, prefix, own.name)
        alive = {node_id for node_id, beat in now.items() if first.get(node_id) != beat}
    if len(alive) <= own.runs:
        return []
    others = "another node" if own.runs else "a node"
    found = f"{others} with the name {own.name} runs: {', '.join(sorted(alive))}"
    return [warning("node name", found, "set [node] name, or SCHEDULER_NODE__NAME, of one of them")]


async def _beats(connection: asyncpg.Connection, prefix: str, name: str) -> Mapping[str, int]:
    rows = await connection.fetch(_BEATS.format(prefix=prefix), name)
    return {row["id"]: row["beat"] for row in rows}
