"""The intervals that the configuration sets for workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Named like the keys in `[queue]` and `[abort]`, where each is described."""

    idle_window_s: float
    first_look_s: float
    longest_look_s: float
    grace_s: float
