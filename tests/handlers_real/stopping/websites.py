"""Requests to a server that does not answer."""

from __future__ import annotations

from typing import Any

import httpx

from scheduler import handler

from .note import noted

WAIT_S = 600


@handler("httpx_get")
def httpx_get(data: Any) -> None:
    """Wait for the answer in a blocking call: {"url": url}."""
    with noted(data["note"]):
        httpx.get(data["url"], timeout=WAIT_S)


@handler("httpx_async")
async def httpx_async(data: Any) -> None:
    """Wait for the answer in a coroutine: {"url": url}."""
    with noted(data["note"]):
        async with httpx.AsyncClient(timeout=WAIT_S) as client:
            await client.get(data["url"])
