"""What the port `TokenStore` promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.core.access.principal import Role
from scheduler.core.access.session import IDLE, LONGEST, SESSIONS_MAX, Session, digest, new_text
from scheduler.core.access.token import Token, new_secret
from scheduler.core.ports.token_store import TokenStore
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.support.stores import AT, later


@pytest.fixture(name="url", params=["sqlite", "postgres", "memory"])
def url_fixture(request: pytest.FixtureRequest) -> str:
    """The URL of a store; "memory" for the fake that other tests use."""
    url: str = request.param
    return request.getfixturevalue("postgres_url") if url == "postgres" else url


@pytest.fixture(name="tokens")
async def tokens_fixture(url: str, tmp_path: Path) -> AsyncIterator[TokenStore]:
    """The tokens of a store."""
    if url == "memory":
        yield MemoryStore().tokens
        return
    async with open_store(url, data_dir=tmp_path) as store:
        yield store.tokens


def made(*, at: datetime = AT, name: str = "web", expires_at: datetime | None = None) -> Token:
    """A token that is not stored yet."""
    secret = new_secret()
    return Token(
        id=secret.id,
        digest=secret.digest,
        name=name,
        role=Role.USER,
        uids=("ada", "team-a.*"),
        created_at=at,
        created_by="root",
        expires_at=expires_at,
    )


async def test_a_token_comes_back_as_it_was_stored(tokens: TokenStore) -> None:
    """Each of its fields decides what its bearer may do."""
    plain, expiring = made(), made(expires_at=later(60))
    for token in (plain, expiring):
        await tokens.add(token)
        assert await tokens.find([token.id]) == [token]


async def test_there_is_no_token_with_another_id(tokens: TokenStore) -> None:
    await tokens.add(made())
    assert await tokens.find(["0" * 12]) == []
    assert await tokens.revoke("0" * 12, at=AT) is None


async def test_a_token_that_is_stored_again_stays_as_it_is(tokens: TokenStore) -> None:
    """The answer to the first call may have been lost; and none may replace another's."""
    token, other = made(), made(name="evil")
    assert await tokens.add(token)
    await tokens.revoke(token.id, at=later(1))
    assert not await tokens.add(replace(other, id=token.id))
    (found,) = await tokens.find([token.id])
    assert (found.name, found.digest, found.revoked_at) == ("web", token.digest, later(1))


async def test_a_revoked_token_keeps_the_time_of_its_first_revocation(tokens: TokenStore) -> None:
    """From then on, whatever was done with it was not its owner's."""
    token = made()
    await tokens.add(token)
    first = await tokens.revoke(token.id, at=later(1))
    again = await tokens.revoke(token.id, at=later(2))
    assert first is not None
    assert first.revoked_at == later(1)
    assert again == first
    assert await tokens.find([token.id]) == [first]


async def test_pages_have_each_token_once_from_the_newest_on(tokens: TokenStore) -> None:
    """Also where several were made at the same time."""
    all_tokens = [made(at=later(number // 3)) for number in range(7)]
    for token in all_tokens:
        await tokens.add(token)
    found: list[Token] = []
    while page := await tokens.page(before_id=found[-1].id if found else None, limit=2):
        found += page
    assert found == sorted(all_tokens, key=lambda each: (each.created_at, each.id), reverse=True)
    assert await tokens.page(before_id="0" * 12, limit=2) == []


async def test_the_last_use_is_noted_and_never_an_earlier_one(tokens: TokenStore) -> None:
    """Nodes note late, and not in order."""
    one, two = made(), made()
    for token in (one, two):
        await tokens.add(token)
    await tokens.note_use({one.id: later(2), two.id: later(1), "0" * 12: later(3)})
    await tokens.note_use({one.id: later(1)})
    found = {token.id: token.used_at for token in await tokens.find([one.id, two.id])}
    assert found == {one.id: later(2), two.id: later(1)}


async def session_of(
    tokens: TokenStore, *, at: datetime = AT, token: Token | None = None
) -> Session:
    """A session that is stored."""
    token = token or made()
    await tokens.add(token)
    session = Session(digest=digest(new_text()), token_id=token.id, created_at=at, used_at=at)
    await tokens.add_session(session)
    return session


async def test_a_session_comes_back_as_it_was_stored(tokens: TokenStore) -> None:
    """By its digest alone: nobody who reads the store can use it."""
    session = await session_of(tokens)
    other = await session_of(tokens)
    assert await tokens.sessions([session.digest, digest("x")]) == [session]
    found = await tokens.sessions([session.digest, other.digest])
    assert {each.digest: each for each in found} == {session.digest: session, other.digest: other}
    assert await tokens.sessions([digest("x")]) == []


async def test_the_last_use_of_a_session_is_noted(tokens: TokenStore) -> None:
    """It ends when it is not used any more."""
    session = await session_of(tokens)
    await tokens.note_session_use(session.digest, at=later(60))
    await tokens.note_session_use(session.digest, at=later(30))
    assert await tokens.sessions([session.digest]) == [replace(session, used_at=later(60))]


async def test_an_ended_session_is_gone_and_so_are_those_that_ended_by_themselves(
    tokens: TokenStore,
) -> None:
    """Logins must not fill the store for ever."""
    ended, stale, fresh = [
        await session_of(tokens, at=at) for at in (AT, AT - IDLE - timedelta(seconds=1), AT)
    ]
    await tokens.end_session(ended.digest, at=later(1))
    assert await tokens.sessions([each.digest for each in (ended, stale, fresh)]) == [fresh]


async def test_a_login_forgets_the_sessions_that_have_ended_by_themselves(
    tokens: TokenStore,
) -> None:
    """Most browsers are closed without a logout."""
    unused, old = [
        await session_of(tokens, at=AT - IDLE),
        await session_of(tokens, at=AT - LONGEST),
    ]
    await tokens.note_session_use(old.digest, at=AT)
    used = await session_of(tokens, at=AT - IDLE)
    await tokens.note_session_use(used.digest, at=AT)
    new = await session_of(tokens)
    left = await tokens.sessions([each.digest for each in (unused, old, used, new)])
    assert {each.digest for each in left} == {used.digest, new.digest}


async def test_of_a_token_with_too_many_sessions_the_one_not_used_for_the_longest_ends(
    tokens: TokenStore,
) -> None:
    """Whoever has a token can log in as often as they like; the store must not fill by that."""
    token = made()
    others = await session_of(tokens)
    first, second, *rest = [
        await session_of(tokens, at=later(number), token=token) for number in range(SESSIONS_MAX)
    ]
    await tokens.note_session_use(first.digest, at=later(SESSIONS_MAX))
    assert len(await tokens.sessions([each.digest for each in (first, second, *rest)])) == 100

    new = await session_of(tokens, at=later(SESSIONS_MAX + 1), token=token)
    all_of_them = (others, first, second, *rest, new)
    left = {each.digest for each in await tokens.sessions([each.digest for each in all_of_them])}
    assert left == {each.digest for each in all_of_them} - {second.digest}


async def test_the_secret_of_the_jobs_tokens_stays(url: str, tmp_path: Path) -> None:
    """All nodes of an installation check by it, also after a restart; others have another one."""
    if url == "memory":
        assert len(bytes.fromhex(await MemoryStore().tokens.job_secret())) == 32
        return
    secrets = []
    for _ in range(2):
        async with open_store(url, data_dir=tmp_path) as store:
            secrets.append(await store.tokens.job_secret())
    assert len(bytes.fromhex(secrets[0])) == 32
    assert secrets[0] == secrets[1]
    async with open_store("sqlite", data_dir=tmp_path / "other") as other:
        assert await other.tokens.job_secret() != secrets[0]
