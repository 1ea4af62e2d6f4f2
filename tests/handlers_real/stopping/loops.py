"""Event loops that a plain handler runs."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from scheduler import handler

from ..hold import reached
from .note import noted


async def wait(data: Any) -> None:
    """Wait in a task, which the loop cancels."""
    with noted(data["inner_note"]):
        reached(data["hold"])
        await asyncio.sleep(600)


@handler("loop_asyncio")
def loop_asyncio(data: Any) -> None:
    """Wait in asyncio's: {"hold": path, "inner_note": path}."""
    with noted(data["note"]):
        asyncio.run(wait(data))


@handler("loop_uvloop")
def loop_uvloop(data: Any) -> None:
    """Wait in uvloop's: {"hold": path, "inner_note": path}."""
    with noted(data["note"]):
        uvloop.run(wait(data))
