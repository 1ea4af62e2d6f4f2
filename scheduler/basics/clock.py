"""The machine's time, and ids made from it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import uuid_utils


class SystemClock:
    """The `Clock` of a running node."""

    def now(self) -> datetime:
        """The wall-clock time, in whole milliseconds, as the store keeps it."""
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    def monotonic(self) -> float:
        """Seconds since the machine booted (CLOCK_MONOTONIC), the same in all processes."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so many seconds."""
        await asyncio.sleep(seconds)


def new_id() -> str:
    """A UUIDv7 (RFC 9562): sorts by the millisecond in which it was made."""
    return str(uuid_utils.uuid7())


def id_before(instant: datetime) -> str:
    """An id that sorts before all that `new_id` makes from this instant on."""
    milliseconds = round(instant.timestamp() * 1000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-000000000000"
