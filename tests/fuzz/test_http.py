"""Whatever bytes come in, the node answers in HTTP, says nothing of itself, and stays well.

`SECONDS=60 python -m pytest tests/fuzz/test_http.py` looks for as long.
"""

from __future__ import annotations

import asyncio
import os
import time
from urllib.parse import urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.http_bytes import answers, exchange, require_sound, streams
from tests.support.nodes import Nodes

SECONDS = float(os.environ.get("SECONDS", "3"))
QUIET_S = 0.3
"""An answer takes some milliseconds; a stream that is not complete gets none."""


def test_whatever_bytes_come_the_answers_are_http(start_node: Nodes) -> None:
    """A proxy, a scanner or an attacker sends what no client of ours does."""
    node = start_node()
    address = urlsplit(node.url)
    assert address.hostname
    assert address.port
    host, port = address.hostname, address.port

    async def exchanges(several: list[list[bytes]]) -> list[bytes]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(exchange(host, port, each, quiet_s=QUIET_S)) for each in several
            ]
        return [task.result() for task in tasks]

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(streams(), min_size=10, max_size=40))
    def try_some(several: list[list[bytes]]) -> None:
        for came in asyncio.run(exchanges(several)):
            for answer in answers(came):
                require_sound(answer)

    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try_some()

    status, _ = asyncio.run(node.call("GET", "/-/health"))
    assert status == 200
    assert "Traceback" not in node.log
    assert '"level":"error"' not in node.log
