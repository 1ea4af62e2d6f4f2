"""A browser logs in with a token; its session has the rights of the token, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest
from aiohttp import ClientPayloadError, web
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.access.gate import Gate
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.session import IDLE, LONGEST, SESSIONS_MAX, digest
from scheduler.core.errors import Unauthenticated
from scheduler.service.access.known import KNOWN_S
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import NewToken, Tokens
from tests.unit.api.conftest import COOKIE, Api, Response, build

UNKNOWN = f"atl_{'0' * 12}_{'Q' * 43}"


@dataclass
class Site:
    """A node, and a token to log in with."""

    api: Api
    tokens: Tokens
    sessions: Sessions
    gate: Gate
    made: NewToken

    async def login(self, token: str, **headers: str) -> Response:
        return await self.api.ask(
            "POST",
            "/-/login",
            json={"token": token},
            headers={"Sec-Fetch-Site": "same-origin", **headers},
        )

    async def cookie(self) -> str:
        """The text of a new session."""
        answer = await self.login(self.made.secret.text)
        assert answer.status == 200
        return SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value

    async def status(self, text: str, method: str = "GET", path: str = "/ada") -> int:
        """What somebody with a cookie gets."""
        headers = {"Cookie": f"{COOKIE}={text}", "Sec-Fetch-Site": "same-origin"}
        return (await self.api.ask(method, path, headers=headers)).status


@pytest.fixture(name="site")
async def site_fixture(aiohttp_client: AiohttpClient) -> AsyncIterator[Site]:
    parts = build(lambda by_token: by_token)
    tokens = parts.access.tokens
    sessions = parts.access.sessions
    async with background(looks=parts.looks.run(), tokens=tokens.run(), sessions=sessions.run()):
        client = await aiohttp_client(parts.app)
        made = await tokens.create(
            EVERYBODY, name="ada", role=Role.USER, uids=["ada"], expires_at=None
        )
        api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
        yield Site(api, tokens, parts.access.sessions, parts.access.gate, made)


async def test_a_session_has_the_rights_of_its_token(site: Site) -> None:
    """No more, and no less."""
    text = await site.cookie()
    assert await site.status(text) == 200
    assert await site.status(text, "DELETE") == 200
    assert await site.status(text, path="/bob") == 403
    assert await site.status(text, path="/-/nodes") == 403


async def test_the_cookie_is_for_this_node_alone(site: Site) -> None:
    """No script reads it, no other site has it sent, and by https it never goes without."""
    plain = (await site.login(site.made.secret.text)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    host = {"Host": "jobs.example", "Origin": "https://jobs.example"}
    secure = (await site.login(site.made.secret.text, **host)).headers["Set-Cookie"]
    assert "Secure" in secure.split("; ")


async def test_only_the_digest_of_a_session_is_stored(site: Site) -> None:
    """Nobody who reads the database can use it."""
    text = await site.cookie()
    assert list(site.api.store.tokens.stored_sessions) == [digest(text)]


@pytest.mark.parametrize("token", ["", "x", UNKNOWN])
async def test_a_token_without_force_begins_no_session(site: Site, token: str) -> None:
    """All such tokens get the same answer, without a cookie."""
    answer = await site.login(token)
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert site.api.store.tokens.stored_sessions == {}


async def test_another_site_cannot_log_somebody_in(site: Site) -> None:
    """Else somebody would work in the attacker's account without noticing."""
    answer = await site.login(site.made.secret.text, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403


@pytest.mark.parametrize("text", ["\udcff", "\udcff" * 43, "\xff" * 43, "", "x" * 43])
async def test_a_cookie_of_any_bytes_is_no_session(site: Site, text: str) -> None:
    """Everybody can send one: what is no text must not look like a defect of the node."""
    with pytest.raises(Unauthenticated):
        await site.sessions.principal(text)
    await site.sessions.logout(text)


async def test_two_sessions_at_once_are_none(site: Site) -> None:
    """One of them may be the choice of a neighbour of the same domain."""
    one, other = [await site.sessions.login(site.made.secret.text) for _ in range(2)]
    site.api.client.session.cookie_jar.clear()
    assert await site.status(f"{one}; theme=dark; {COOKIE}x={other}; x{COOKIE}={other}") == 200
    assert await site.status(f"{one}; {COOKIE}={other}") == 401
    assert await site.status(f"{one}; {COOKIE}=") == 401
    assert await site.status(one) == 200


async def test_other_cookies_are_not_parsed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may send 8 KB of them before it is known who asks: by aiohttp, 15 ms of the loop."""
    monkeypatch.setattr(web.BaseRequest, "cookies", None)
    text = await site.sessions.login(site.made.secret.text)
    assert await site.status(f"{text}; " + "a=b; " * 1500) == 200
    assert await site.status(text, "POST", "/-/logout") == 200


async def test_a_session_ends_at_logout(site: Site) -> None:
    """A cookie that was copied before has no force any more."""
    text = await site.cookie()
    headers = {"Cookie": f"{COOKIE}={text}", "Sec-Fetch-Site": "same-origin"}
    answer = await site.api.ask("POST", "/-/logout", headers=headers)
    assert (answer.status, answer.headers["Clear-Site-Data"]) == (200, '"cache"')
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value == ""
    assert await site.status(text) == 401


@pytest.mark.parametrize("logs_out", [True, False])
async def test_what_is_open_ends_with_the_session(site: Site, *, logs_out: bool) -> None:
    """Else whoever had copied the cookie could go on reading for as long as the token has force."""
    clock, token = site.api.clock, site.made.secret.text
    headers, other = [{"Cookie": f"{COOKIE}={await site.sessions.login(token)}"} for _ in range(2)]
    async with (
        background(gate=site.gate.run()),
        asyncio.timeout(20),
        site.api.client.get("/-/events", headers=headers) as stream,
        site.api.client.get("/-/events", headers=other) as rest,
    ):
        assert (stream.status, rest.status) == (200, 200)
        if logs_out:
            await site.api.ask("POST", "/-/logout", headers=headers)
        else:
            clock.advance(IDLE.total_seconds() - 60)
            assert (await site.api.get("/ada", headers=other)).status == 200
            clock.advance(60)
        await clock.pass_until(lambda: len(site.gate._open) == 1)
        with pytest.raises(ClientPayloadError):
            await stream.read()
        assert not rest.content.at_eof()


async def test_a_cookie_ends_as_it_began(site: Site) -> None:
    """Browsers keep one for https alone, unless its end is for https alone, too."""
    secure = {"Host": "jobs.example", "Origin": "https://jobs.example"}
    for headers in ({"Sec-Fetch-Site": "same-origin"}, secure):
        begun = (await site.login(site.made.secret.text, **headers)).headers["Set-Cookie"]
        ended = (await site.api.ask("POST", "/-/logout", headers=headers)).headers["Set-Cookie"]
        assert ("Secure" in ended.split("; ")) is ("Secure" in begun.split("; "))


async def test_a_session_ends_with_its_token(site: Site) -> None:
    """Whoever is shut out is shut out everywhere."""
    text = await site.cookie()
    assert await site.status(text) == 200
    await site.tokens.revoke(EVERYBODY, site.made.token.id)
    assert await site.status(text) == 401


async def test_a_session_ends_when_it_is_not_used(site: Site) -> None:
    """A browser that was left open in a public place."""
    text = await site.cookie()
    site.api.clock.advance(IDLE.total_seconds() - 1)
    assert await site.status(text) == 200
    site.api.clock.advance(IDLE.total_seconds() - 1)
    assert await site.status(text) == 200
    site.api.clock.advance(IDLE.total_seconds())
    assert await site.status(text) == 401


async def test_a_session_ends_after_a_week_however_it_is_used(site: Site) -> None:
    """A cookie that was stolen must not live for ever."""
    text = await site.cookie()
    hours = int(LONGEST.total_seconds() // 3600)
    for _ in range(hours // 7 - 1):
        site.api.clock.advance(7 * 3600)
        assert await site.status(text) == 200
    site.api.clock.advance(7 * 3600)
    assert await site.status(text) == 401


async def test_the_store_is_asked_for_a_session_once_in_five_seconds(site: Site) -> None:
    """Each request of the page is checked, and nearly none waits for it."""
    text = await site.cookie()
    assert await site.status(text, path="/-/tasks") == 200
    site.api.store.away = True
    assert await site.status(text, path="/-/tasks") == 200
    site.api.clock.advance(KNOWN_S)
    assert await site.status(text, path="/-/tasks") == 503


async def test_a_session_that_is_gone_from_the_store_is_out_in_five_seconds(site: Site) -> None:
    """Also where its use is noted meanwhile, which is no sign that it is still there."""
    text = await site.cookie()
    site.api.clock.advance(57)
    assert await site.status(text) == 200
    await site.api.store.tokens.end_session(digest(text), at=site.api.clock.now())
    site.api.clock.advance(4)
    assert await site.status(text) == 200
    site.api.clock.advance(KNOWN_S - 4)
    assert await site.status(text) == 401


async def test_logins_do_not_fill_the_store(site: Site) -> None:
    """Whoever has a token can log in as often as they like."""
    first = await site.sessions.login(site.made.secret.text)
    for _ in range(SESSIONS_MAX):
        site.api.clock.advance(1)
        last = await site.sessions.login(site.made.secret.text)
    assert len(site.api.store.tokens.stored_sessions) == SESSIONS_MAX
    assert (await site.status(first), await site.status(last)) == (401, 200)


@pytest.mark.parametrize("text", ["", "x", "Q" * 43, "Q" * 44, "x" * 5000])
async def test_an_invented_cookie_is_none(site: Site, text: str) -> None:
    """Whatever it looks like."""
    assert await site.status(text) == 401


async def test_a_token_counts_before_a_cookie(site: Site) -> None:
    """A program may be run with the cookies of a browser."""
    text = await site.cookie()
    headers = {"Cookie": f"{COOKIE}={text}", "Authorization": "Bearer x"}
    assert (await site.api.get("/ada", headers=headers)).status == 401
