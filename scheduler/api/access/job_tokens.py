"""The use cases of jobs' tokens: make one for a claim, and say who brings one.

a request ─▶ its MAC is right ─▶ known for at most 5 s ─▶ else one look at the jobs of all
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from scheduler.basics.batch import Batch
from scheduler.core.access.job_token import JobToken, checked, may_have
from scheduler.core.access.principal import Principal
from scheduler.core.errors import StoreUnavailable, Unauthenticated
from scheduler.core.job import Claim
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.service.access.known import KNOWN_MAX, KNOWN_S, LOOK_MAX
from scheduler.service.access.tokens import NO_FORCE


class _Known(NamedTuple):
    """What the store said of a token."""

    principal: Principal | None
    until: float
    """By `Clock.monotonic`."""


class JobTokens:
    """The tokens of running jobs; `run` must run while it is in use."""

    def __init__(self, store: Store, clock: Clock, *, secret: str) -> None:
        self._store = store
        self._clock = clock
        self._secret = bytes.fromhex(secret)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._look = Batch(self._look_for_all, weight_max=LOOK_MAX)

    async def run(self) -> None:
        """Look for those who ask, for ever; a background task."""
        await self._look.serve()

    def text(self, claim: Claim) -> str | None:
        """The token for an attempt; None where its user gets none."""
        return JobToken(claim.id, claim.token).text(self._secret) if may_have(claim.uid) else None

    async def principal(self, text: str) -> Principal:
        """Who brings a job's token.

        Raises:
            Unauthenticated: nobody has made it, or it has no force any more.
            StoreUnavailable: that is not known.
        """
        token = checked(text, self._secret)
        principal = None if token is None else await self._principal(token)
        if principal is None:
            raise Unauthenticated(NO_FORCE)
        return principal

    async def has_force(self, token_id: str) -> bool:
        """Whether a token still has force; true while that is not known."""
        _, job_id, claim = token_id.split(":")
        try:
            return await self._principal(JobToken(job_id, int(claim))) is not None
        except StoreUnavailable:
            return True

    async def _principal(self, token: JobToken) -> Principal | None:
        known = self._known.get(token.id)
        if known is None or known.until <= self._clock.monotonic():
            return await self._look(token)
        return known.principal

    async def _look_for_all(self, tokens: Sequence[JobToken]) -> Sequence[Principal | None]:
        """Read jobs. What is known of them lasts from before the look on."""
        until = self._clock.monotonic() + KNOWN_S
        jobs = {job.id: job for job in await self._store.outlines({each.job_id for each in tokens})}
        return [self._know(each, each.principal(jobs.get(each.job_id)), until) for each in tokens]

    def _know(self, token: JobToken, found: Principal | None, until: float) -> Principal | None:
        self._known.pop(token.id, None)
        self._known[token.id] = _Known(found, until)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return found
