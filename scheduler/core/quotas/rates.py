"""How fast each user submits: a token bucket for each.

A bucket holds `burst` tokens, and gets `submits_per_s` new ones each second. Each job takes one.
An array with more jobs than the bucket holds needs a full one, and leaves a debt, which is paid
before the next job: so it is possible at all, and nobody is faster in the long run.

All that is kept of a bucket is when it is full again. A full one is like none, and is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from math import ceil
from typing import Final

from scheduler.core.errors import QuotaExceeded, Standing
from scheduler.core.quotas.quota import SUBMIT, Quota, burst

BUCKETS_MAX: Final = 100_000
"""How many buckets are kept, some ten megabytes: whoever makes up uids must not fill the memory."""
SLACK: Final = 1e-6
"""Of a token: whoever waits as long as he is told must not fail by a rounding."""


class Rates:
    """The buckets of the users who submit."""

    def __init__(self, *, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets_max = buckets_max
        self._full_at: dict[str, float] = {}

    def take(self, new: Mapping[str, int], quotas: Mapping[str, Quota], *, now: float) -> None:
        """Take a token for each new job of users whose quota limits their rate.

        Args:
            new: how many jobs each user submits.
            quotas: by uid.
            now: by `Clock.monotonic`.

        Raises:
            QuotaExceeded: a bucket has too few tokens; then none is taken from any.
        """
        limited = {uid: rate for uid in new if (rate := _rate(quotas.get(uid)))}
        waits = {uid: self._wait_s(uid, rate, new[uid], now) for uid, rate in limited.items()}
        if late := [uid for uid, wait_s in waits.items() if wait_s > 0]:
            raise QuotaExceeded(
                "; ".join(_too_fast(uid, quotas[uid], waits[uid]) for uid in late),
                tuple(self.standing(uid, limited[uid], now=now) for uid in late),
                retry_after_s=max(1, *(ceil(waits[uid]) for uid in late)),
            )
        for uid, rate in limited.items():
            self._full_at[uid] = max(now, self._full_at.get(uid, now)) + new[uid] / rate
        if len(self._full_at) > self._buckets_max:
            self._forget(now)

    def standing(self, uid: str, submits_per_s: float, *, now: float) -> Standing:
        """How a user stands: what of the bucket is used, and when it is full again."""
        left_s = max(0.0, self._full_at.get(uid, now) - now)
        holds = burst(submits_per_s)
        return Standing(
            policy=SUBMIT,
            uid=uid,
            limit=holds,
            used=ceil(left_s * submits_per_s - SLACK),
            window_s=ceil(holds / submits_per_s),
            resets_s=ceil(left_s - SLACK),
        )

    def _wait_s(self, uid: str, rate: float, new: int, now: float) -> float:
        """How long it takes until a bucket has enough tokens; at most 0 where it has."""
        holds = burst(rate)
        tokens = holds - max(0.0, self._full_at.get(uid, now) - now) * rate
        return (min(new, holds) - SLACK - tokens) / rate

    def _forget(self, now: float) -> None:
        """Forget the full buckets, and if that is not enough, those that are full first."""
        self._full_at = {uid: at for uid, at in self._full_at.items() if at > now}
        most = self._buckets_max * 9 // 10  # else each new bucket would look at all of them
        if (surplus := len(self._full_at) - most) > 0:
            for uid in nsmallest(surplus, self._full_at, key=self._full_at.__getitem__):
                del self._full_at[uid]


def _rate(quota: Quota | None) -> float | None:
    return None if quota is None else quota.submits_per_s


def _too_fast(uid: str, quota: Quota, wait_s: float) -> str:
    limit = f"submits_per_s = {quota.submits_per_s:g} of {quota.section}"
    return f"user {uid!r} submits faster than {limit}; try again in {ceil(wait_s * 10) / 10:g} s"
