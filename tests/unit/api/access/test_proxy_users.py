"""Mode `proxy`: whom a proxy names is believed, and nobody else who sends its headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.access.authentication import ProxyAuthentication
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Grant, Role
from scheduler.service.access.tokens import Tokens
from tests.unit.api.conftest import Api, build

GROUPS = {
    "team-a": Grant(Role.USER, ("ada", "team-a.*")),
    "guests": Grant(Role.VIEWER, ("bob",)),
    "ops": Grant(Role.OPERATOR, ("*",)),
}
ADA = {"X-Forwarded-User": "ada@example.org", "X-Forwarded-Groups": "guests, team-a,unheard-of"}


class Fronted(Api):
    """A node behind a proxy that asks from loopback."""

    tokens: Tokens


@pytest.fixture(name="networks")
def networks_fixture() -> list[str]:
    """Where the proxies are."""
    return ["10.0.0.0/8", "127.0.0.1/32"]


@pytest.fixture(name="fronted")
async def fronted_fixture(
    aiohttp_client: AiohttpClient, networks: list[str]
) -> AsyncIterator[Fronted]:
    known = [ip_network(each) for each in networks]
    parts = build(lambda by_token: ProxyAuthentication(known, GROUPS, by_token))
    async with background(looks=parts.looks.run(), tokens=parts.access.tokens.run()):
        client = await aiohttp_client(parts.app)
        api = Fronted(client, parts.store, parts.queue, parts.clock, parts.draining)
        api.tokens = parts.access.tokens
        yield api


async def status(api: Api, method: str, path: str, **headers: str) -> int:
    return (await api.ask(method, path, headers=headers)).status


async def test_a_user_of_the_proxy_has_the_rights_of_all_his_groups(fronted: Fronted) -> None:
    """Each for the users of its group; a group that is not configured gives nothing."""
    assert await status(fronted, "GET", "/team-a.x", **ADA) == 200
    assert await status(fronted, "DELETE", "/ada", **ADA) == 200
    assert await status(fronted, "GET", "/bob", **ADA) == 200
    assert await status(fronted, "DELETE", "/bob", **ADA) == 403
    assert await status(fronted, "GET", "/eve", **ADA) == 403
    assert await status(fronted, "GET", "/-/nodes", **ADA) == 403
    assert await status(fronted, "GET", "/-/nodes", **{**ADA, "X-Forwarded-Groups": "ops"}) == 200


@pytest.mark.parametrize("groups", ["", "unheard-of", "OPS", "team-a x"])
async def test_a_user_without_a_known_group_may_nothing(fronted: Fronted, groups: str) -> None:
    """Whom the proxy lets through is not yet somebody who works with jobs."""
    headers = {**ADA, "X-Forwarded-Groups": groups}
    assert await status(fronted, "GET", "/ada", **headers) == 403
    del headers["X-Forwarded-Groups"]
    assert await status(fronted, "GET", "/ada", **headers) == 403


@pytest.mark.parametrize("networks", [["10.0.0.0/8", "::1/128"]])
async def test_the_headers_mean_nothing_from_elsewhere(fronted: Fronted) -> None:
    """Everybody can send them."""
    headers = {**ADA, "X-Forwarded-Groups": "ops"}
    answer = await fronted.get("/-/nodes", headers=headers)
    assert answer.status == 401
    assert "a token" in answer.json["detail"]


@pytest.mark.parametrize("groups", ["\u00a0ops", "ops\u00a0", "\u2003ops", "ops\u00a0,guests"])
async def test_a_group_has_its_name_to_the_letter(fronted: Fronted, groups: str) -> None:
    """Where users name groups themselves, one that looks like another must not be taken for it."""
    headers = {**ADA, "X-Forwarded-Groups": groups}
    assert await status(fronted, "GET", "/-/nodes", **headers) == 403


@pytest.mark.parametrize("name", [b"\xff", b"ren\xe9e", b"\xed\xa0\x80", b"\xc2\x85", b"u" * 201])
async def test_a_user_has_a_name_that_can_be_kept(fronted: Fronted, name: bytes) -> None:
    """It is stored with each job. What proxies send that write another encoding is a plain 401."""
    assert await _raw_status(fronted, b"X-Forwarded-User: " + name) == 401
    assert await _raw_status(fronted, b"X-Forwarded-User: ren\xc3\xa9e") == 200


async def _raw_status(api: Api, header: bytes) -> int:
    """What a request gets whose header has any bytes; a client would not send them."""
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    writer.write(
        b"GET /-/ui/data/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"X-Forwarded-Groups: ops\r\n" + header + b"\r\n\r\n"
    )
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def test_a_header_that_came_twice_is_not_believed(fronted: Fronted) -> None:
    """A proxy that adds its header to that of the client passes on who the client says he is."""
    for name, value in [*ADA.items(), ("Authorization", "Basic YWRhOng=")]:
        twice = [*ADA.items(), (name, value), *([(name, value)] if name not in ADA else [])]
        assert (await fronted.ask("GET", "/ada", headers=twice)).status == 401


async def test_a_proxy_that_names_nobody_needs_a_token(fronted: Fronted) -> None:
    """Such as for paths that it lets through without a login."""
    assert await status(fronted, "GET", "/ada") == 401
    assert await status(fronted, "GET", "/ada", **{**ADA, "X-Forwarded-User": " "}) == 401
    assert await status(fronted, "GET", "/-/health") == 200


async def test_a_token_counts_beside_it_and_before_it(fronted: Fronted) -> None:
    """A program that asks through the proxy has the rights of its token, and no others."""
    made = await fronted.tokens.create(
        EVERYBODY, name="web", role=Role.VIEWER, uids=["eve"], expires_at=None
    )
    bearer = {"Authorization": f"Bearer {made.secret.text}"}
    assert await status(fronted, "GET", "/eve", **bearer) == 200
    assert await status(fronted, "GET", "/eve", **bearer, **ADA) == 200
    assert await status(fronted, "GET", "/ada", **bearer, **ADA) == 403
    assert await status(fronted, "GET", "/ada", Authorization="Bearer x", **ADA) == 401


async def test_other_schemes_than_bearer_are_the_proxys(fronted: Fronted) -> None:
    """It may pass on what it was asked with."""
    assert await status(fronted, "GET", "/ada", Authorization="Basic YWRhOng=", **ADA) == 200
