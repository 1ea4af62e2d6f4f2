"""The times that the configuration sets for workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """In seconds, by the names of the keys in `[queue]` and `[abort]`, which say what each is."""

    idle_window_s: float
    first_look_s: float
    longest_look_s: float
    grace_s: float
