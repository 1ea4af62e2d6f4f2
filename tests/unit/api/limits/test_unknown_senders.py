"""No body is read before it is known who sends it, and whether he may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from scheduler.api.limits.server import LINGER_S, READ_BYTES
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.token import new_secret
from tests.unit.api.conftest import build
from tests.unit.api.limits.conftest import Peer, Served, request, serving

BODY_BYTES = 8 * 1024 * 1024
WITHIN_S = 10.0
UNKNOWN = {"Authorization": f"Bearer {new_secret().text}"}


@pytest.fixture(name="asking")
async def asking_fixture() -> AsyncIterator[Served]:
    """A node that asks for tokens."""
    parts = build(lambda by_token: by_token)
    async with background(tokens=parts.access.tokens.run()), serving(parts) as served:
        made = await parts.access.tokens.create(
            EVERYBODY, name="v", role=Role.VIEWER, uids=["ada"], expires_at=None
        )
        VIEWER["Authorization"] = f"Bearer {made.secret.text}"
        yield served


VIEWER: dict[str, str] = {}
"""The headers of somebody who may not submit."""
REFUSED = {
    "no token": ("POST", "/", {}, 401),
    "an unknown token": ("POST", "/", UNKNOWN, 401),
    "no token at all": ("POST", "/", {"Authorization": "Basic eDp5"}, 401),
    "a role that may not": ("POST", "/", VIEWER, 403),
    "an abort": ("DELETE", "/", UNKNOWN, 401),
    "a token to make": ("POST", "/-/tokens", VIEWER, 403),
    "another host": ("POST", "/", {"Host": "evil.example"}, 421),
    "another site": ("POST", "/", {"Sec-Fetch-Site": "cross-site"}, 403),
    "a login from another site": ("POST", "/-/login", {"Origin": "http://evil.example"}, 403),
    "no such path": ("POST", "/a/b/c/d", {}, 404),
    "no such method": ("PUT", "/", {}, 405),
}
"""What is refused whatever the body says: method, path, headers and status."""


def head(case: str, **more: str) -> bytes:
    """The head of a request with a large body."""
    method, path, headers, _ = REFUSED[case]
    fields = {"Content-Type": "application/json", "Content-Length": str(BODY_BYTES)}
    return request(method, path, {**fields, **headers, **more})


@pytest.mark.parametrize("case", REFUSED)
async def test_who_may_not_send_a_body_is_told_so_before_it_comes(
    asking: Served, case: str
) -> None:
    """Else anybody who reaches a node could have it hold megabytes."""
    peer = await asking.connect()
    reply = await peer.ask(head(case))
    assert reply.status == REFUSED[case][3]
    assert reply.headers["connection"] == "close"
    assert await peer.closed() == b""


@pytest.mark.parametrize("case", [case for case in REFUSED if not case.startswith("no such")])
async def test_who_may_not_send_a_body_is_not_invited_to(asking: Served, case: str) -> None:
    """A client that asks first would otherwise send all of it in vain."""
    reply = await (await asking.connect()).ask(head(case, Expect="100-continue"))
    assert reply.status == REFUSED[case][3]


@pytest.mark.parametrize("case", ["an unknown token", "another host", "no such path"])
async def test_a_body_that_comes_all_the_same_is_forgotten_in_bounded_time(
    asking: Served, case: str
) -> None:
    """For a moment, so that the client sees the answer; never in memory, and not for ever."""
    peer = await asking.connect()
    peer.send(head(case))
    async with asyncio.timeout(LINGER_S + WITHIN_S), asyncio.TaskGroup() as group:
        group.create_task(_send_on(peer))
        assert (await peer.reply()).status == REFUSED[case][3]
        await peer.closed()
    assert asking.load.budget.held == 0


async def _send_on(peer: Peer) -> None:
    """Send the body until the node closes the connection, and more of it than it announced."""
    with suppress(ConnectionError):
        while True:
            peer.send(b"[" * READ_BYTES)
            await peer.writer.drain()
            await asyncio.sleep(0)
