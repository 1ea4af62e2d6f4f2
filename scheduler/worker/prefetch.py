"""How many jobs it pays to claim while others run, from what the jobs of this node were like.

A slot that waits for a claim to be committed idles for about a millisecond: a tenth of a job of
10 ms, and nothing to a job of a second. And claims that are committed together cost less: with 16
slots and jobs that do nothing, a node works off 1.4 times as many a second with 200 ahead as with
32. What is claimed ahead, on the other hand, is no other node's to take and no longer queued to its
user. So a node claims ahead only amid many short jobs, and no further than they are short.
"""

from __future__ import annotations

from typing import Final

SHORT_S: Final = 0.1
"""A job that runs for longer gains nothing from a claim that is ready."""
AT_ONCE_S: Final = 0.01
"""An id that took longer to come was not waiting for us: then claims need not be ready."""
STREAK: Final = 10
"""So many short jobs, one after the other and each waiting already, are many."""
AHEAD_S: Final = 0.02
"""How long what is claimed ahead is to wait for its slot, where that is more than one each."""
AHEAD_MAX: Final = 200
"""No jobs are so short that more would begin within that time; and twice as many save no more."""
INSTANT_S: Final = 0.0001
"""No job takes less."""
LATELY: Final = 8
"""Of so many jobs, roughly, the mean duration is kept."""


class Prefetch:
    """The node's prefetch."""

    def __init__(self) -> None:
        self._streak = 0
        self._mean_s = SHORT_S

    @property
    def quick(self) -> bool:
        """Whether to claim ahead at all."""
        return self._streak >= STREAK

    def ahead(self, slots: int) -> int:
        """How many to claim beyond those that run in so many slots."""
        if not self.quick:
            return 0
        soon = slots * AHEAD_S / max(self._mean_s, INSTANT_S)
        return max(slots, min(AHEAD_MAX, round(soon)))

    def fetched(self, *, within_s: float) -> None:
        """Note how long an id took to come."""
        if within_s > AT_ONCE_S:
            self._streak = 0

    def ran(self, *, for_s: float) -> None:
        """Note how long a job had its slot."""
        self._streak = self._streak + 1 if for_s < SHORT_S else 0
        self._mean_s += (for_s - self._mean_s) / LATELY

    def stumbled(self) -> None:
        """Note that a claimed job got no slot in time, or that store or queue are away."""
        self._streak = 0
