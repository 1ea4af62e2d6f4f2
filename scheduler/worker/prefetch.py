"""Decides how many jobs to claim ahead of the slots, from the duration of recent jobs.

A slot that waits for the commit of a claim idles for about a millisecond: a tenth of a job of
10 ms, but nothing for a job of a second. And claims that are committed together cost less: with 16
slots and jobs that do nothing, a node runs 1.4 times as many a second with 200 claimed ahead as
with 32. On the other hand, no other node can take a job that is claimed ahead, and its user no
longer sees it as queued. So a node claims ahead only amid many short jobs, and the further the
shorter they are.
"""

from __future__ import annotations

from typing import Final

SHORT_S: Final = 0.1
"""A longer job gains nothing from a claim that is ready."""
AT_ONCE_S: Final = 0.01
"""Where the queue is without an id for longer, claiming ahead gains nothing."""
STREAK: Final = 10
"""The node claims ahead after this many short jobs in a row, each of which was waiting already."""
AHEAD_S: Final = 0.02
"""How long a job may wait for its slot where more than one for each slot is claimed ahead."""
AHEAD_MAX: Final = 200
"""At most this many: no more jobs begin within `AHEAD_S`, and twice as many save nothing more."""
LOT_S: Final = 0.02
"""How long the jobs of a lot may take: the last of them waits for the others."""
LOT_MAX: Final = 20
"""More at a time save next to nothing: lots of 50 are 5 % faster."""
INSTANT_S: Final = 0.0001
"""The lower bound of the mean duration: no job takes less."""
AVERAGED_JOBS: Final = 8
"""The mean duration is taken over roughly this many recent jobs."""


class Prefetch:
    """How far a node claims ahead."""

    def __init__(self) -> None:
        self._streak = 0
        self._mean_s = SHORT_S

    @property
    def active(self) -> bool:
        """Whether to claim ahead at all."""
        return self._streak >= STREAK

    def ahead(self, slots: int) -> int:
        """How many jobs to claim beyond the number of slots."""
        if not self.active:
            return 0
        soon = slots * AHEAD_S / max(self._mean_s, INSTANT_S)
        return max(slots, min(AHEAD_MAX, round(soon)))

    def lot_size(self) -> int:
        """How many jobs to send to a process at once."""
        if not self.active:
            return 1
        return max(1, min(LOT_MAX, int(LOT_S / max(self._mean_s, INSTANT_S))))

    def waited(self, for_s: float) -> None:
        """Record for how long the queue had no id, which it had been asked for."""
        if for_s > AT_ONCE_S:
            self._streak = 0

    def ran(self, *, for_s: float) -> None:
        """Record how long a job had its slot."""
        self._streak = self._streak + 1 if for_s < SHORT_S else 0
        self._mean_s += (for_s - self._mean_s) / AVERAGED_JOBS

    def reset(self) -> None:
        """Stop claiming ahead: a claimed job got no slot in time, or store or queue are away."""
        self._streak = 0
