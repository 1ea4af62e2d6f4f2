"""The port to the stored pauses, a part of the store; see the package."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import WaitingJob
from scheduler.core.pause import Pause, PauseKey, PauseKind


class Put(NamedTuple):
    """What `PauseStore.put` found."""

    pause: Pause | None
    """As it is after that; None where its end is past."""
    changed: bool


class PauseStore(Protocol):
    """The pauses. Where a call has an effect, its `audit` is stored in the same transaction.

    A pause lasts until `end`, or until its end has come by the store's clock. While one lasts,
    `Store.claim` and `Store.insert` claim nothing that it covers, except clean-ups. Jobs that it
    covers are held from their insertion on, or once `hold` meets them, and let go after it.
    """

    async def put(
        self,
        key: PauseKey,
        *,
        reason: str | None,
        until: datetime | None,
        by: str | None,
        audit: Sequence[AuditRecord] = (),
    ) -> Put:
        """Pause, or replace the reason and the end of the pause that there is.

        After the answer nothing that it covers is claimed, also by a call that was under way: this
        waits until those have ended that may not have seen the pause, and those that come wait for
        this. A repetition changes nothing.

        Raises:
            StoreUnavailable: also where one of those does not end in time; nothing is stored then.
        """
        ...

    async def end(self, key: PauseKey, *, audit: Sequence[AuditRecord] = ()) -> Pause | None:
        """End a pause, and return it as it was; None where none lasts.

        What it covers may be claimed from now on; the held jobs are let go by `let_go`.
        """
        ...

    async def page(
        self, *, kind: PauseKind | None = None, after: PauseKey | None = None, limit: int
    ) -> Sequence[Pause]:
        """The pauses that last, by kind and name; those after one of them, or from the first."""
        ...

    async def of_node(self, name: str) -> Pause | None:
        """The pause of a node, if one lasts."""
        ...

    async def cleanups(
        self, *, after: WaitingJob | None = None, limit: int
    ) -> Sequence[WaitingJob]:
        """Clean-ups that wait for a worker, in their turn: what a paused node may claim.

        Those up to `after` are left out: with the last of one answer the next one goes on.
        """
        ...

    async def hold(self, job_ids: Collection[str], *, ahead_max: int) -> Sequence[WaitingJob]:
        """Hold those of some jobs that wait for a worker and are paused; they keep their turn.

        With them, those of the `ahead_max` next jobs of a user of theirs: else each would be met,
        and one that is next of all keeps those of others waiting. Also those that wait in a limiter
        that let one of them go.
        """
        ...

    async def ended(self, *, limit: int) -> Sequence[PauseKey]:
        """Pauses that do not last any more, of which held jobs may be left."""
        ...

    async def let_go(self, key: PauseKey, *, limit: int) -> Sequence[WaitingJob]:
        """Let jobs wait for a worker that this pause covered and no other one does, the next first.

        They keep their turn. No effect where it lasts, or lasts again. Concurrent callers get
        different jobs, so some may be left where fewer are returned than the limit.
        """
        ...

    async def forget(self, key: PauseKey) -> bool:
        """Forget a pause that has ended, unless jobs are left that it holds; whether it did."""
        ...
