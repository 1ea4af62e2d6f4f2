"""The port to what limits and throttles of handlers let through. The package says what all promise.

    claim   as many as have room in all of their limiters; the others are held, in the store
    freed   which limiters have room again ─▶ let_go

What holds a key of a limit is never counted in advance: it is seen from the jobs themselves, under
the lock of the limiter. So nothing is to be given back after a failure, and nothing expires.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from scheduler.core.job import Claim, JsonText, WaitingJob
from scheduler.core.limits.limiters import Limiter
from scheduler.core.places.labels import ANYWHERE
from scheduler.core.quotas.quota import Quotas


class LimiterJob(NamedTuple):
    """A job that waits for a worker and may have limiters, with what they are made of."""

    job: WaitingJob
    task: str
    data: JsonText


class InLimiters(NamedTuple):
    """A job, and the limiters in which it must have room."""

    job: WaitingJob
    limiters: Sequence[Limiter]


class LimiterClaims(NamedTuple):
    """What `LimiterStore.claim` did."""

    claims: Sequence[Claim]
    held: Sequence[WaitingJob] = ()
    """Those that wait for a worker no more: one of their limiters has no room."""


class FreedLimiter(NamedTuple):
    """A limiter that may have room again."""

    key: str
    holds: bool
    """Whether it holds jobs."""


class HoldingLimiter(NamedTuple):
    """A limiter that holds jobs."""

    key: str
    has_room: bool


class LimiterStore(Protocol):
    """The limiters of jobs: what of each handler, and of each key, may run at once or begin now.

    A job holds its keys from its claim until it is over: final, its clean-up neither pending nor
    left for a later try; or until it is queued again. A held job gives way to nobody whose turn
    comes later: who asks for a limiter that holds such a job is held, too.
    """

    async def jobs(
        self, job_ids: Collection[str], *, tasks: Collection[str]
    ) -> Sequence[LimiterJob]:
        """Those of some jobs that wait to run the handler of one of the tasks."""
        ...

    async def next_jobs(
        self, uid: str, *, lane: str = ANYWHERE, tasks: Collection[str], limit: int, bytes_max: int
    ) -> Sequence[LimiterJob]:
        """The same of the next `limit` jobs of a user in a lane; without those with more data."""
        ...

    async def claim(
        self, jobs: Sequence[InLimiters], *, node_id: str, at: datetime, quotas: Quotas
    ) -> LimiterClaims:
        """Claim jobs as `Store.claim_within` does, where all of their limiters have room for them.

        The others are held, with the first limiter that has none: for `limit` or `throttle`. Of
        those that are given, the first by their turn have the room. What is refused for another
        reason is not held, and counts for no limiter. Concurrent calls for one limiter, from any
        node, count one after the other. Clean-ups have no limiters, and belong to `Store.claim`.
        """
        ...

    async def hold(self, jobs: Sequence[InLimiters]) -> Sequence[WaitingJob]:
        """Hold those jobs that `claim` would hold now, and claim none; those that are held."""
        ...

    async def freed(self, *, limit: int) -> Sequence[FreedLimiter]:
        """Limiters of limits whose keys jobs hold no more, and of throttles that open.

        Some jobs of the latter may have to wait on. They are answered again until `let_go` or
        `forget_holds` has seen to them.
        """
        ...

    async def holding(
        self, *, after: str, rules: Mapping[str, Limiter], limit: int
    ) -> tuple[Sequence[HoldingLimiter], str | None]:
        """The next `limit` limiters that hold jobs, and whether they have room by these rules.

        Also the last of them, after which others follow; None where these are the last. It finds
        what `freed` does not: a rule that lets more begin than before, or a job that left before
        it began.
        """
        ...

    async def let_go(
        self, key: str, *, rules: Mapping[str, Limiter], limit: int
    ) -> Sequence[WaitingJob]:
        """Let jobs of a limiter wait for a worker: as many as have room, in their turn."""
        ...

    async def let_go_before(self, *, limit: int) -> Sequence[WaitingJob]:
        """Jobs that were let go, and still wait for a worker."""
        ...

    async def give_way(self, job_ids: Collection[str], *, limit: int) -> Sequence[WaitingJob]:
        """Have jobs that were let go, and cannot begin now, count for no limiter that holds others.

        With them go up to `limit` held ones of the same users and needs, which could not begin
        either. All of them wait for a worker, and meet their limiters anew; they are the answer.
        """
        ...

    async def next_opening_s(self) -> float | None:
        """In how many seconds a throttle opens that holds jobs; None where none holds any."""
        ...

    async def forget_holds(self, keys: Collection[str]) -> None:
        """Forget that jobs held these keys that hold them no more."""
        ...

    async def close(self, limiter: Limiter, *, after_s: float) -> bool:
        """Let no job of a throttle begin for so long; false where it is closed for longer."""
        ...

    async def forget(self, *, idle_s: float, limit: int) -> int:
        """Delete up to `limit` limiters that no job has been in for so long; how many."""
        ...
