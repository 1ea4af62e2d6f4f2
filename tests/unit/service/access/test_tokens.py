"""Whose a token is, and for how long a node trusts what it knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace

import pytest

from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Grant, Role
from scheduler.core.access.token import Secret, Token, new_secret
from scheduler.core.errors import NoSuchToken, StoreUnavailable, Unauthenticated
from scheduler.service.access import tokens as module
from scheduler.service.access.known import KNOWN_S
from scheduler.service.access.tokens import NOTE_USE_EVERY_S, NewToken, Tokens
from tests.fakes import FakeClock, MemoryQueue, MemoryStore
from tests.fakes.tokens import MemoryTokens
from tests.support.eventually import eventually


class Installation:
    """A store of tokens, and nodes that use it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock()
        self.queue = MemoryQueue()
        self.node, self.other_node = (Tokens(self.tokens, self.queue, self.clock) for _ in range(2))
        self.heard: list[str] = []
        """What the other node has heard."""

    async def hear(self) -> None:
        async for token_id in self.other_node.revocations():
            self.heard.append(token_id)

    @property
    def tokens(self) -> MemoryTokens:
        return self.store.tokens

    async def made(self, **fields: object) -> NewToken:
        """A token that was just made."""
        usual = {"name": "web", "role": Role.USER, "uids": ["ada"], "expires_at": None}
        return await self.node.create(EVERYBODY, **{**usual, **fields})  # type: ignore[arg-type]


@pytest.fixture(name="at")
async def at_fixture() -> AsyncIterator[Installation]:
    at = Installation()
    async with background(one=at.node.run(), other=at.other_node.run(), hears=at.hear()):
        yield at


async def test_a_token_says_who_brings_it(at: Installation) -> None:
    """Name, role and users come from the store, never from the client."""
    made = await at.made()
    principal = await at.other_node.principal(made.secret.text)
    assert (principal.name, principal.grants) == ("web", (Grant(Role.USER, ("ada",)),))
    assert principal.token_id == made.token.id


@pytest.mark.parametrize("text", ["", "Bearer x", "atl_x", "x" * 10_000])
async def test_what_is_no_token_is_refused_without_a_look(at: Installation, text: str) -> None:
    """Nonsense costs the store nothing."""
    at.store.away = True
    with pytest.raises(Unauthenticated, match="no token"):
        await at.node.principal(text)


async def test_an_unknown_expired_revoked_and_wrong_token_are_refused_alike(
    at: Installation,
) -> None:
    """Who guesses must not learn which ids there are."""
    expired = await at.made(expires_at=at.clock.now())
    revoked = await at.made()
    await at.node.revoke(EVERYBODY, revoked.token.id)
    wrong = Secret((await at.made()).token.id, new_secret().secret)
    for secret in (new_secret(), expired.secret, revoked.secret, wrong):
        with pytest.raises(Unauthenticated) as refused:
            await at.node.principal(secret.text)
        assert str(refused.value) == module.NO_FORCE


async def test_the_store_is_asked_once_in_five_seconds(at: Installation) -> None:
    """Each request is checked, and nearly none waits for the store."""
    made = await at.made()
    await at.node.principal(made.secret.text)
    at.store.away = True
    at.clock.advance(KNOWN_S - 0.001)
    await at.node.principal(made.secret.text)
    at.clock.advance(0.001)
    with pytest.raises(StoreUnavailable):
        await at.node.principal(made.secret.text)
    assert await at.node.has_force(made.token.id)


async def test_requests_that_meet_share_a_look(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand clients that come at once must not make a thousand reads."""
    looks = 0
    find = at.tokens.find

    async def counted(token_ids: Collection[str]) -> Sequence[Token]:
        nonlocal looks
        looks += 1
        return await find(token_ids)

    monkeypatch.setattr(at.tokens, "find", counted)
    made = await at.made()
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(at.node.principal(made.secret.text))
    assert looks == 1


async def test_other_nodes_hear_of_a_revocation(at: Installation) -> None:
    """Without a moment of the five seconds."""
    made = await at.made()
    await at.other_node.principal(made.secret.text)
    await at.node.revoke(EVERYBODY, made.token.id)
    await eventually(lambda: at.heard == [made.token.id])
    with pytest.raises(Unauthenticated):
        await at.other_node.principal(made.secret.text)


async def test_who_forges_a_revocation_causes_a_look_and_nothing_else(at: Installation) -> None:
    """Who reaches the queue is not thereby an admin. What a node does not know costs nothing."""
    made = await at.made()
    await at.other_node.principal(made.secret.text)
    forged = [made.token.id, "0" * 12, "", "\0", "x" * 100_000]
    for text in forged:
        await at.queue.announce_revocation(text)
    await eventually(lambda: at.heard == forged)
    at.store.away = True
    with pytest.raises(StoreUnavailable):
        await at.other_node.principal(made.secret.text)
    at.store.away = False
    assert (await at.other_node.principal(made.secret.text)).name == "web"


async def test_a_look_that_a_revocation_overtook_is_not_kept(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the token would have its force for five seconds more, although all have heard."""
    made = await at.made()
    asked, answer, find = asyncio.Event(), asyncio.Event(), at.tokens.find

    async def slow(token_ids: Collection[str]) -> Sequence[Token]:
        found = await find(token_ids)
        asked.set()
        await answer.wait()
        return found

    monkeypatch.setattr(at.tokens, "find", slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(at.other_node.has_force(made.token.id))
        await asked.wait()
        await at.node.revoke(EVERYBODY, made.token.id)
        await eventually(lambda: at.heard == [made.token.id])
        answer.set()
    assert not await at.other_node.has_force(made.token.id)


async def test_a_revoked_token_loses_its_force_here_at_once_and_elsewhere_soon(
    at: Installation,
) -> None:
    """Where the queue is away, the bound of other nodes is the five seconds."""
    made = await at.made()
    at.queue.away = True
    for node in (at.node, at.other_node):
        await node.principal(made.secret.text)
    await at.node.revoke(EVERYBODY, made.token.id)
    assert not await at.node.has_force(made.token.id)
    at.clock.advance(KNOWN_S)
    for node in (at.node, at.other_node):
        with pytest.raises(Unauthenticated):
            await node.principal(made.secret.text)


async def test_a_look_that_began_before_the_revocation_does_not_undo_it(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer may come late, from a slow database."""
    made = await at.made()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(_: Collection[str]) -> Sequence[Token]:
        asked.set()
        await answer.wait()
        return [made.token]

    monkeypatch.setattr(at.tokens, "find", slow)
    async with asyncio.TaskGroup() as group:
        late = group.create_task(at.node.has_force(made.token.id))
        await asked.wait()
        await at.node.revoke(EVERYBODY, made.token.id)
        answer.set()
    assert not late.result()
    assert not await at.node.has_force(made.token.id)


async def test_an_unknown_token_cannot_be_revoked(at: Installation) -> None:
    """An operator who mistypes an id must hear that the token still has force."""
    with pytest.raises(NoSuchToken, match="no token 'x'"):
        await at.node.revoke(EVERYBODY, "x")


async def test_the_last_use_is_written_down_once_a_minute(at: Installation) -> None:
    """Also where the store was away at that time: it is written down a minute later."""
    made = await at.made()
    async with background(note=at.node.note_uses()):
        await at.node.principal(made.secret.text)
        used_at = at.clock.now()
        at.store.away = True
        await asyncio.sleep(0)
        at.clock.advance(NOTE_USE_EVERY_S)
        await asyncio.sleep(0)
        at.store.away = False
        await at.clock.pass_until(lambda: at.tokens.tokens[made.token.id].used_at is not None)
    assert at.tokens.tokens[made.token.id] == replace(made.token, used_at=used_at)
    await eventually(lambda: not at.node._uses)
