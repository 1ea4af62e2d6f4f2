"""The gate ends what is open for a token that has lost its force, and outlives what that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from scheduler.api.access.gate import LOOK_S
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Right, Role
from scheduler.core.errors import Unauthenticated
from tests.support.eventually import eventually
from tests.unit.api.conftest import build


async def test_a_view_may_take_long_to_end() -> None:
    """It is looked at again meanwhile; that must end neither the gate nor the node."""
    parts = build(lambda by_token: by_token)
    gate, tokens = parts.access.gate, parts.access.tokens
    ends, ended = asyncio.Event(), asyncio.Event()

    async def view(_: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ends.set()
            await ended.wait()  # such as a connection to the queue that hangs
        raise AssertionError

    async with background(tokens=tokens.run(), gate=gate.run()), asyncio.TaskGroup() as group:
        made = await tokens.create(
            EVERYBODY, name="ada", role=Role.USER, uids=["ada"], expires_at=None
        )
        request = make_mocked_request(
            "GET", "/ada", {"Authorization": f"Bearer {made.secret.text}"}
        )
        asked = group.create_task(_ended(gate.guarded(view, Right.READ)(request)), name="ask")
        await eventually(lambda: gate._open)
        await tokens.revoke(EVERYBODY, made.token.id)
        await parts.clock.pass_until(ends.is_set)
        later = parts.clock.monotonic() + 3 * LOOK_S
        await parts.clock.pass_until(lambda: parts.clock.monotonic() > later)
        ended.set()
        await asked


async def _ended(asked: Awaitable[web.StreamResponse]) -> None:
    with pytest.raises((Unauthenticated, ConnectionAbortedError)):
        await asked
