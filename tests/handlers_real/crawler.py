"""An async crawler whose client is kept in the module, with its open connections."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx

from scheduler import handler

CLIENT = httpx.AsyncClient(timeout=60)
MEANWHILE_MAX = asyncio.Semaphore(4)


async def fetch(url: str) -> str:
    """Get a page, while at most three others are fetched."""
    async with MEANWHILE_MAX:
        answer = await CLIENT.get(url)
    text: str = answer.raise_for_status().text
    return text


@handler("crawl")
async def crawl(data: Any) -> Any:
    """Fetch a page and all that it links to: {"url": url}."""
    url = data["url"]
    links = re.findall(r'href="([^"]+)"', await fetch(url))
    async with asyncio.TaskGroup() as group:
        pages = [group.create_task(fetch(httpx.URL(url).join(link))) for link in links]
    return {"pages": len(pages), "characters": sum(len(page.result()) for page in pages)}
