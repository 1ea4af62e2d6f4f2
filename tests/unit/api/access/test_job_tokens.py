"""For how long a node believes the token of a job."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from scheduler.api.access import job_tokens as module
from scheduler.api.access.job_tokens import JobTokens
from scheduler.basics.background import background
from scheduler.core.errors import StoreUnavailable, Unauthenticated
from scheduler.core.job import Claim, Status
from scheduler.service.access.known import KNOWN_S
from scheduler.service.access.tokens import NO_FORCE
from tests.fakes import FakeClock, MemoryStore
from tests.support.stores import end, new, node


class Installation:
    """A store of jobs, and a node that uses it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock()
        self.tokens = JobTokens(self.store, self.clock, secret=32 * "5e")

    async def claimed(self, uid: str = "ada") -> Claim:
        """A job that was just claimed."""
        await self.store.register(node())
        inserted = await self.store.insert([new(uid)], claimer=node().id)
        return inserted.claims[0]

    async def text(self, claim: Claim) -> str:
        text = self.tokens.text(claim)
        assert text is not None
        return text


@pytest.fixture(name="at")
async def at_fixture() -> AsyncIterator[Installation]:
    at = Installation()
    async with background(looks=at.tokens.run()):
        yield at


async def test_a_token_has_force_while_its_job_is_claimed(at: Installation) -> None:
    claim = await at.claimed()
    principal = await at.tokens.principal(await at.text(claim))
    assert (principal.name, principal.only_uid) == (f"job:{claim.id}", "ada")
    assert await at.tokens.has_force(str(principal.token_id))


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCESSFUL, Status.ABORTED])
async def test_it_has_none_once_the_attempt_has_ended(at: Installation, status: Status) -> None:
    """Other nodes find out within five seconds, and so does this one."""
    claim = await at.claimed()
    text = await at.text(claim)
    principal = await at.tokens.principal(text)
    await at.store.settle([end(claim, status)])
    at.clock.advance(KNOWN_S)
    with pytest.raises(Unauthenticated, match=NO_FORCE):
        await at.tokens.principal(text)
    assert not await at.tokens.has_force(str(principal.token_id))


async def test_a_forged_token_is_refused_without_a_look(at: Installation) -> None:
    """Whoever guesses must not make a node ask its database."""
    claim = await at.claimed()
    forged = JobTokens(at.store, at.clock, secret=32 * "00").text(claim)
    at.store.away = True
    with pytest.raises(Unauthenticated, match=NO_FORCE):
        await at.tokens.principal(str(forged))


async def test_the_store_is_asked_once_in_five_seconds(at: Installation) -> None:
    """A handler that submits a thousand jobs is looked at once."""
    claim = await at.claimed()
    text = await at.text(claim)
    principal = await at.tokens.principal(text)
    at.store.away = True
    at.clock.advance(KNOWN_S - 0.001)
    await at.tokens.principal(text)
    at.clock.advance(0.001)
    with pytest.raises(StoreUnavailable):
        await at.tokens.principal(text)
    assert await at.tokens.has_force(str(principal.token_id)), "that is not known"


async def test_a_node_knows_a_bounded_number_of_them(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that runs for years has seen the tokens of many jobs."""
    monkeypatch.setattr(module, "KNOWN_MAX", 3)
    for _ in range(5):
        await at.tokens.principal(await at.text(await at.claimed()))
    assert len(at.tokens._known) == 3


async def test_a_user_whose_name_looks_like_a_pattern_gets_none(at: Installation) -> None:
    assert at.tokens.text(await at.claimed("team-a.*")) is None
