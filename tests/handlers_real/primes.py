"""Counts primes in a pool of `multiprocessing`, with each of its start methods."""

from __future__ import annotations

import multiprocessing
from typing import Any

from scheduler import handler

from .hold import hold


def is_prime(number: int) -> bool:
    """Whether nothing divides it."""
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))


def count_primes(piece: tuple[int, int, str | None]) -> int:
    """How many primes there are in a range; runs in a process of the pool."""
    begin, end, path = piece
    hold(path)
    return sum(map(is_prime, range(begin, end)))


@handler("primes")
def primes(data: Any) -> Any:
    """Count the primes below `below`: {"below": 1000, "start_method": "spawn"}."""
    context = multiprocessing.get_context(data.get("start_method"))
    step = data["below"] // 8
    pieces = [(begin, begin + step, data.get("hold")) for begin in range(0, data["below"], step)]
    with context.Pool(2) as pool:
        return sum(pool.map(count_primes, pieces, chunksize=1))
