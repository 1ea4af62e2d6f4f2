"""How many bytes all requests together may hold: bodies that came, answers that wait for a reader.

    0 ─────────────────── BYTES_MAX ─────── BYTES_MAX + RESERVE_BYTES ──────▶
      large bodies, lists             small requests                   aborts

Whoever finds no room gets 503. What was begun is never refused for its answer: an answer to a
submission that is stored, or to an abort, is always written.
"""

from __future__ import annotations

from typing import Final

BYTES_MAX: Final = 64 * 1024 * 1024
"""Eight arrays of the greatest size, or eight whole pages of a list."""
RESERVE_BYTES: Final = 32 * 1024 * 1024
SMALL_BYTES: Final = 64 * 1024
"""What a request may hold and still use the reserve: nearly all submissions are smaller."""


class Budget:
    """The bytes that are held now, by all requests of a node."""

    def __init__(self, bytes_max: int = BYTES_MAX, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._bytes_max = bytes_max
        self._reserve_bytes = reserve_bytes
        self.held = 0

    def has_room(self, more: int, *, small: bool = False) -> bool:
        """Whether so many bytes fit in as well; `small` ones may use the reserve."""
        return self.held + more <= self._bytes_max + (self._reserve_bytes if small else 0)

    @property
    def is_tight(self) -> bool:
        """Whether more than half is taken: then clients that do not move get less patience."""
        return self.held > self._bytes_max // 2

    @property
    def is_spent(self) -> bool:
        """Whether even the reserve is taken."""
        return self.held > self._bytes_max + self._reserve_bytes


class Share:
    """What one request holds of the budget; given back at its end."""

    __slots__ = ("_budget", "_size", "_urgent")

    def __init__(self, budget: Budget, *, urgent: bool = False) -> None:
        """An `urgent` request is counted, and never refused."""
        self._budget = budget
        self._urgent = urgent
        self._size = 0

    def grow(self, size: int) -> bool:
        """Hold so many bytes more; False, and nothing is taken, where there is no room."""
        small = self._size + size <= SMALL_BYTES
        if not self._urgent and not self._budget.has_room(size, small=small):
            return False
        self._budget.held += size
        self._size += size
        return True

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._budget.held -= self._size
        self._size = 0
