"""How fast jobs are taken, and how soon one that finds nothing before it starts."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from bench.draining import finished
from bench.figures import percentile
from bench.peers import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.ours import Ours

BULK: Final = 1000
REQUESTS: Final = 8
HAMMER_S: Final = 3.0
SAMPLES: Final = 100


async def bulk(node: Ours) -> float:
    """Jobs a second, a thousand in a request."""
    order = {"uid": "bulk", "task": "noop"}
    begun_at = time.monotonic()
    for _ in range(REQUESTS):
        status, _ = await node.call("POST", "/", [order] * BULK)
        assert status == 202
    taken_s = time.monotonic() - begun_at
    await finished(node, "bulk")  # else the next case is measured on a busy node
    return REQUESTS * BULK / taken_s


async def single(node: Ours, *, connections: int) -> float:
    """Jobs a second, one in a request."""
    taken = await requests(node.url, connections=connections)
    await finished(node, "hammer")
    return taken


async def requests(url: str, *, connections: int) -> float:
    """Jobs a second that a server answers, one in a request."""
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.hammer", url.rpartition(":")[2]),
        *(str(connections), str(HAMMER_S)),
        cwd=ROOT,
        stdout=PIPE,
    )
    said, _ = await client.communicate()
    return float(said)


async def start_ms(node: Ours, percent: float) -> float:
    """From a request on an idle node until the handler runs, of so many percent at most."""
    found = []
    for _ in range(SAMPLES):
        sent_at = time.monotonic()
        job = await node.submit("stamp")
        started_at = (await node.job(job["id"], wait_s=30))["result"]
        found.append((started_at - sent_at) * 1000)
    return percentile(sorted(found), percent)


@asynccontextmanager
async def open_bare() -> AsyncIterator[str]:
    """The URL of an aiohttp server that does nothing with a job."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert server.stdout is not None
    yield f"http://127.0.0.1:{int(await server.stdout.readline())}"
    await server.communicate(b"")
