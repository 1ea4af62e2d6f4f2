"""Numbers with their noun, as people say them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 job`, `2 jobs`; for nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
