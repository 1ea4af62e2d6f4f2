"""Waits for a condition, without sleeping for a guessed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable

LOOK_S = 0.01
SELDOM_S = 0.05
"""Between looks at what takes longer: a look may cost as much as what it waits for."""


async def eventually(
    predicate: Callable[[], object], *, within_s: float = 20.0, saying: str = ""
) -> None:
    """Call the predicate, plain or async, until it returns something true.

    Raises:
        AssertionError: it did not within `within_s`; the message has its last answer.
    """
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    deadline = began_at + within_s
    while True:
        answer = predicate()
        if isawaitable(answer):
            answer = await answer
        if answer:
            return
        if loop.time() > deadline:
            name = saying or getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"not within {within_s} s: {name} (last answer: {answer!r})")
        await asyncio.sleep(min(max(LOOK_S, (loop.time() - began_at) / 10), SELDOM_S))
