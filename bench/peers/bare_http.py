"""What HTTP alone costs: an aiohttp server that reads a job and answers it.

`python -m bench.peers.bare_http` prints its port, and runs until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Read the body and send it back."""
    job = orjson.loads(await request.read())
    return web.Response(body=orjson.dumps(job), status=202, content_type="application/json")


async def main() -> None:
    """Serve until standard input ends."""
    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main())
