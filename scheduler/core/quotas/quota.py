"""What `[quotas]` says: the limits of users, and which of them fits whom.

    [quotas."*"]         everybody for whom there is nothing better
    [quotas."team-a.*"]  the longest beginning counts
    [quotas."ada"]       before all of them: the uid itself

The fitting one counts alone: what it leaves out is not limited, whatever another one says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

from scheduler.core.access.principal import ALL
from scheduler.core.errors import QuotaExceeded, Standing
from scheduler.core.job import NewJob
from scheduler.core.ports.queue import Share

QUEUED: Final = "queued"
"""The policy of `queued_max`, as the headers and problems name it."""
SUBMIT: Final = "submit"
"""The policy of `submits_per_s`."""
SCHEDULES: Final = "schedules"
"""The policy of `schedules_max`."""
EQUAL: Final = Share()
ROOM_AFTER_S: Final = 5
"""When to ask again for room in the queue: nobody knows when a job of the user is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limits of the users whom a pattern fits; None: there is no such limit."""

    pattern: str
    queued_max: int | None = None
    """How many jobs of a user may be queued."""
    submits_per_s: float | None = None
    """How many jobs a user may submit on each node, in the long run."""
    running_max: int | None = None
    """How many jobs of a user may run, on all nodes together; further ones wait."""
    schedules_max: int | None = None
    """How many schedules a user may have."""
    weight: float = 1.0
    """How much a user of it gets where others wait, too: twice as much with 2 as with 1."""

    @property
    def section(self) -> str:
        """Where the configuration has it."""
        return f'[quotas."{self.pattern}"]'


@dataclass(frozen=True, slots=True)
class Use:
    """How many unfinished jobs a user has."""

    queued: int
    running: int


class Usage(NamedTuple):
    """What a user uses of its quota."""

    uid: str
    use: Use
    quota: Quota | None
    """The one that fits best."""
    queued_is_exact: bool
    """Whether the queued jobs were counted to their end."""
    schedules: int = 0
    """How many schedules it has; counted up to a limit, too."""


class Quotas:
    """The quotas of an installation, by their patterns."""

    def __init__(self, quotas: Iterable[Quota] = ()) -> None:
        self._by_pattern: Mapping[str, Quota] = {each.pattern: each for each in quotas}
        lengths = {len(each) - len(ALL) for each in self._by_pattern if each.endswith(ALL)}
        self._lengths = sorted(lengths, reverse=True)
        limits = {pattern: each.running_max for pattern, each in self._by_pattern.items()}
        limited = any(most is not None for most in limits.values())
        self.running_max: Mapping[str, int | None] = limits if limited else {}
        """By pattern, how many jobs of a user may run; empty where no quota limits that."""

    def __bool__(self) -> bool:
        return bool(self._by_pattern)

    def running_max_of(self, uid: str) -> int | None:
        """How many jobs of a user may run; None for any number."""
        quota = self.of(uid)
        return None if quota is None else quota.running_max

    def share_of(self, uid: str) -> Share:
        """What a user gets of all slots: a `ShareOf`."""
        quota = self.of(uid)
        return EQUAL if quota is None else Share(quota.weight, quota.running_max)

    def of(self, uid: str) -> Quota | None:
        """The quota that fits a user best, if one does."""
        if (exact := self._by_pattern.get(uid)) is not None:
            return exact
        fitting = (self._by_pattern.get(uid[:length] + ALL) for length in self._lengths)
        return next((each for each in fitting if each is not None), None)


UNLIMITED: Final = Quotas()
"""Nobody has a quota."""


def queue_limits(quotas: Mapping[str, Quota]) -> Mapping[str, Quota]:
    """Those of the quotas, by uid, that limit how many jobs are queued."""
    return {uid: each for uid, each in quotas.items() if each.queued_max is not None}


def queue_standing(uid: str, quota: Quota, queued: int) -> Standing:
    """How a user with so many queued jobs stands."""
    return Standing(policy=QUEUED, uid=uid, limit=quota.queued_max or 0, used=queued)


def queue_excess(
    jobs: Iterable[NewJob], quotas: Mapping[str, Quota], use: Mapping[str, Use]
) -> QuotaExceeded:
    """The error for jobs that were refused because too many would be queued.

    Args:
        quotas: by uid, those that limit how many jobs are queued.
        use: as it was read after the refusal: by then some of the jobs may have been started.
    """
    new = Counter(job.uid for job in jobs if job.uid in quotas)
    room = {uid: (quotas[uid].queued_max or 0) - new[uid] for uid in new}
    over = [uid for uid in new if use[uid].queued > room[uid]] or list(new)
    queued = {uid: max(use[uid].queued, room[uid] + 1) for uid in over}
    never = any(room[uid] < 0 for uid in over)
    return QuotaExceeded(
        "; ".join(_too_many(uid, quotas[uid], queued[uid], new[uid]) for uid in over),
        tuple(queue_standing(uid, quotas[uid], max(0, queued[uid])) for uid in over),
        retry_after_s=None if never else ROOM_AFTER_S,
    )


def _too_many(uid: str, quota: Quota, queued: int, new: int) -> str:
    limit = f"queued_max = {quota.queued_max} of {quota.section}"
    if new > (quota.queued_max or 0):
        return f"{new} jobs at once are more than user {uid!r} may ever have queued: {limit}"
    has = "1 queued job" if queued == 1 else f"{queued} queued jobs"
    return f"user {uid!r} has {has}, and {new} more would be beyond {limit}"


def schedules_excess(uid: str, quota: Quota, has: int) -> QuotaExceeded:
    """The error for a schedule that was refused because its user would have too many.

    Args:
        has: how many there are, as it was read after the refusal: one may be deleted by then.
    """
    most = quota.schedules_max or 0
    has = max(has, most)
    schedules = "1 schedule" if has == 1 else f"{has} schedules"
    return QuotaExceeded(
        f"user {uid!r} has {schedules}, and 1 more would be beyond"
        f" schedules_max = {most} of {quota.section}; delete one, or replace it by its name",
        (Standing(policy=SCHEDULES, uid=uid, limit=most, used=has),),
        retry_after_s=None,
    )


def burst(submits_per_s: float) -> int:
    """How many jobs may come at once after a pause: those of one second, and at least one."""
    return max(1, ceil(submits_per_s))
