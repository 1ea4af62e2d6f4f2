"""What a node does while it is idle: processor time, statements, commands.

Statements are counted in the log of a PostgreSQL that logs each one, commands by the Redis server.
So the node runs unchanged, as it is shipped, and does not measure itself.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import redis.asyncio as aioredis

from bench.ours.memory_and_cpu import cpu_s
from scheduler.store.statements import Dialect, statements

LOG_STATEMENTS: Final = "-c log_statement=all -c log_line_prefix=@"
"""Settings of PostgreSQL; each entry of its log begins with the @ sign."""
EXECUTED: Final = re.compile(r"^execute \S+: (.*)", re.DOTALL)
"""A log entry for a statement, without its level."""
OTHER: Final = "others"
OWN_COMMANDS: Final = ("config|resetstat", "client|setinfo")
"""The commands of the benchmark itself."""


async def busy_percent(pids: Collection[int], *, within_s: float) -> float:
    """How much of one core these processes take, all together."""
    loop = asyncio.get_running_loop()
    before, begun_at = cpu_s(pids), loop.time()
    await asyncio.sleep(within_s)
    return 100 * (cpu_s(pids) - before) / (loop.time() - begun_at)


async def statements_per_s(log: Path, *, within_s: float) -> Mapping[str, float]:
    """How often each named statement runs, by PostgreSQL's log."""
    before = executed(log)
    await asyncio.sleep(within_s)
    return {name: times / within_s for name, times in (executed(log) - before).items()}


def executed(log: Path) -> Counter[str]:
    """How often each statement is in a log, by its name."""
    names = {_plain(each.text): name for name, each in statements(Dialect.POSTGRESQL).items()}
    entries = (each.partition("LOG:")[2].strip() for each in log.read_text().split("@"))
    texts = (found[1] for entry in entries if (found := EXECUTED.match(entry)))
    return Counter(names.get(_plain(text), OTHER) for text in texts)


async def commands_per_s(url: str, *, within_s: float) -> Mapping[str, float]:
    """How often the Redis server runs each command, including those within scripts."""
    async with aioredis.from_url(url, decode_responses=True, protocol=2) as client:
        await client.config_resetstat()
        await asyncio.sleep(within_s)
        found = await client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}
    return {name: count / within_s for name, count in calls.items() if name not in OWN_COMMANDS}


def _plain(text: str) -> str:
    return " ".join(text.split())
