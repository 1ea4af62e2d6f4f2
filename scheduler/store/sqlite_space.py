"""Gives the space of deleted jobs back to the file system, in small steps between other writes.

    jobs deleted ─▶ free pages in the file ─▶ moved to its end, a step at a time ─▶ cut off

Some free pages are kept: the next jobs need them, and would otherwise have the file grow again. The
write-ahead log is cut as well, once a checkpoint has emptied it.

Only a file that was made for it can give space back. An older one is rewritten at the start, where
that takes a moment; a large one is left to the operator, who can choose the time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from typing import Final

import aiosqlite
import structlog

log = structlog.get_logger()

LOOK_S: Final = 5.0
"""How often to look for free pages."""
STEP_PAGES: Final = 512
"""Freed in one step, 2 MiB: that takes some milliseconds, and other writes wait for as long."""
PAUSE_S: Final = 0.02
"""Between two steps, and longer after a long one: most of the time is for other writes."""
KEPT_PAGES: Final = 1024
"""Free pages that are kept, 4 MiB."""
KEPT_SHARE: Final = 8
"""Or an eighth of the pages in use, if that is more: as much as comes and goes every day."""
WAL_BYTES_MAX: Final = 8 * 1024 * 1024
"""What is left of the write-ahead log, which usually has half of that."""
REWRITE_PAGES_MAX: Final = 16_384
"""A file of up to 64 MiB is rewritten at the start: that takes about a second."""
INCREMENTAL: Final = 2


async def prepare(writer: aiosqlite.Connection) -> None:
    """Make the file one that can give space back; before anything else is done with it."""
    await writer.execute_fetchall(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
    # It counts for an empty file at once, for another one from the next VACUUM on.
    await writer.execute_fetchall("PRAGMA auto_vacuum = INCREMENTAL")


async def can_give_back(writer: aiosqlite.Connection, *, where: str) -> bool:
    """Whether the file can give space back; an older one is made so if it is small."""
    if await _number(writer, "auto_vacuum") != INCREMENTAL:
        if await _number(writer, "page_count") <= REWRITE_PAGES_MAX:
            with suppress(sqlite3.Error):  # such as a disk too full for a copy: it stays as it is
                await writer.execute_fetchall("VACUUM")
        if await _number(writer, "auto_vacuum") != INCREMENTAL:
            log.info("the file keeps the space of deleted jobs: see operating.md", file=where)
            return False
    return True


async def give_back(writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
    """Give space back whenever there is enough of it, for ever; a background task."""
    while True:
        await asyncio.sleep(LOOK_S)
        # Busy, full or broken: other writes tell of it, and the next look tries again.
        with suppress(sqlite3.Error):
            if await _shrink(writer, reader):
                # It waits for nobody, and cuts the file itself.
                await writer.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")


async def _shrink(writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> bool:
    """Free pages until only those are free that are kept; whether there was anything to do."""
    loop = asyncio.get_running_loop()
    before, spare = 0, await _spare_pages(reader)
    began_with = spare
    while spare > 0 and spare != before:
        asked = loop.time()
        # A script, because `execute` stops at its first row, which comes after one page.
        await writer.executescript(f"PRAGMA incremental_vacuum({min(spare, STEP_PAGES)})")
        await asyncio.sleep(max(PAUSE_S, 4 * (loop.time() - asked)))
        before, spare = spare, await _spare_pages(reader)
    return began_with > 0


async def _spare_pages(reader: aiosqlite.Connection) -> int:
    """How many free pages there are beyond those that are kept; not above 0 for none."""
    free = await _number(reader, "freelist_count")
    if free <= KEPT_PAGES:
        return 0
    used = await _number(reader, "page_count") - free
    return free - max(KEPT_PAGES, used // KEPT_SHARE)


async def _number(connection: aiosqlite.Connection, pragma: str) -> int:
    [row] = await connection.execute_fetchall(f"PRAGMA {pragma}")
    return int(row[0])
