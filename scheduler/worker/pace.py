"""Whether jobs come and go so fast that it pays to claim the next one while one runs.

A slot that waits for a claim to be committed idles for about a millisecond: a tenth of a job of
10 ms, and nothing to a job of a second. What is claimed ahead, on the other hand, is no other
node's to take and no longer queued to its user. So a node claims ahead only amid many short jobs.
"""

from __future__ import annotations

from typing import Final

SHORT_S: Final = 0.1
"""A job that runs for longer gains nothing from a claim that is ready."""
AT_ONCE_S: Final = 0.01
"""An id that took longer to come was not waiting for us: then claims need not be ready."""
STREAK: Final = 10
"""So many short jobs, one after the other and each waiting already, are many."""


class Pace:
    """The node's pace, from what its jobs were like."""

    def __init__(self) -> None:
        self._streak = 0

    @property
    def quick(self) -> bool:
        """Whether to claim ahead."""
        return self._streak >= STREAK

    def fetched(self, *, within_s: float) -> None:
        """Note how long an id took to come."""
        if within_s > AT_ONCE_S:
            self._streak = 0

    def ran(self, *, for_s: float) -> None:
        """Note how long a job had its slot."""
        self._streak = self._streak + 1 if for_s < SHORT_S else 0

    def waited_in_vain(self) -> None:
        """Note that a claimed job got no slot in time."""
        self._streak = 0
