"""Failed logins and tokens are slowed by address, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.access import failures as module
from scheduler.api.access.failures import EACH_S, FAILURES_MAX, PERIOD_S, Failures
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.token import new_secret
from scheduler.core.errors import Unauthenticated
from scheduler.service.access.tokens import NO_FORCE
from tests.fakes import FakeClock
from tests.unit.api.conftest import COOKIE, Api, Response, build


class Door:
    """Requests from any address that fail."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.failures = Failures(self.clock)

    def fail(self, address: str) -> int:
        """Fail once from an address; after how many seconds it may fail again."""
        transport = SimpleNamespace(get_extra_info=lambda _: (address, 1))
        request = cast("web.Request", SimpleNamespace(transport=transport))
        try:
            self.failures.note(request, Unauthenticated("no"))
        except web.HTTPTooManyRequests as refused:
            return int(refused.headers["Retry-After"])
        return 0


def test_an_address_may_fail_so_often_in_a_minute() -> None:
    """From then on, as often as it has been forgiven."""
    door = Door()
    assert [door.fail("10.0.0.1") for _ in range(FAILURES_MAX + 1)] == [0] * FAILURES_MAX + [2]
    assert door.fail("10.0.0.2") == 0
    door.clock.advance(EACH_S)
    assert door.fail("10.0.0.1") == 0
    assert door.fail("10.0.0.1") == 2


def test_a_flood_is_forgiven_within_a_minute() -> None:
    """Whoever has mended his program need not wait for hours."""
    door = Door()
    for _ in range(10_000):
        door.fail("10.0.0.1")
    door.clock.advance(PERIOD_S)
    assert [door.fail("10.0.0.1") for _ in range(FAILURES_MAX)] == [0] * FAILURES_MAX


def test_addresses_of_one_network_count_together_where_a_client_has_a_whole_one() -> None:
    """In IPv6 each client has 2^64 addresses; an IPv4 address has one form."""
    door = Door()
    for number in range(FAILURES_MAX):
        door.fail(f"2001:db8::{number + 1:x}")
    assert door.fail("2001:db8::ffff:1") > 0
    assert door.fail("2001:db8:0:1::1") == 0
    for _ in range(FAILURES_MAX):
        door.fail("::ffff:10.0.0.1")
    assert door.fail("10.0.0.1") > 0


def test_a_bounded_number_of_addresses_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A botnet must not fill the memory; who fails most is not forgotten for it."""
    monkeypatch.setattr(module, "ORIGINS_MAX", 3)
    door = Door()
    for number in range(50):
        door.fail(f"10.0.1.{number}")
        last = door.fail("10.0.0.1")
    assert len(door.failures._until) == 3
    assert last > 0


class Asked(Api):
    """A node that asks for tokens."""

    token: str

    async def with_(self, token: str, path: str = "/ada") -> Response:
        return await self.get(path, headers={"Authorization": f"Bearer {token}"})

    async def login(self, token: str) -> Response:
        return await self.ask("POST", "/-/login", json={"token": token})


@pytest.fixture(name="asked")
async def asked_fixture(aiohttp_client: AiohttpClient) -> AsyncIterator[Asked]:
    parts = build(lambda by_token: by_token)
    tokens, sessions = parts.access.tokens, parts.access.sessions
    async with background(tokens=tokens.run(), sessions=sessions.run()):
        client = await aiohttp_client(parts.app)
        asked = Asked(client, parts.store, parts.queue, parts.clock, parts.draining)
        made = await tokens.create(
            EVERYBODY, name="ada", role=Role.USER, uids=["ada"], expires_at=None
        )
        asked.token = made.secret.text
        yield asked


@pytest.mark.parametrize("way", ["token", "login"])
async def test_what_fails_too_often_is_told_when_to_come_back(asked: Asked, way: str) -> None:
    """The answer still says what is wrong; a good token from the same address is served."""
    ask = asked.with_ if way == "token" else asked.login
    junk = new_secret().text
    assert {(await ask(junk)).status for _ in range(FAILURES_MAX)} == {401}
    refused = await ask(junk)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "2")
    assert refused.json["type"] == "urn:atlanscheduler:problem:too-many-requests"
    assert refused.json["detail"].startswith(f"{NO_FORCE}; more than 30 requests from this address")
    assert (await asked.with_(asked.token)).status == 200
    assert (await asked.login(asked.token)).status == 200


async def test_a_page_that_was_left_open_still_hears_that_it_must_log_in(asked: Asked) -> None:
    """It leads to the login at a 401; what brings no token does not count either."""
    for _ in range(FAILURES_MAX + 1):
        assert (await asked.get("/ada")).status == 401
    for _ in range(FAILURES_MAX + 1):
        await asked.with_("x")
    cookie = {"Cookie": f"{COOKIE}={'x' * 43}"}
    assert (await asked.get("/ada", headers=cookie)).status == 401
