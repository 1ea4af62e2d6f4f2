"""A gate in front of a store or a queue: a test holds a call where a race would need luck."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Moment = Literal["before", "after"]
"""Before the call is made, or after it was made and before its caller hears the answer."""


@dataclass
class Held:
    """A call that waits at the gate, once it is reached."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _let: asyncio.Event = field(default_factory=asyncio.Event)
    _error: Exception | None = None

    def let(self, error: Exception | None = None) -> None:
        """Let the call go on, or fail: after the call was made, its answer gets lost."""
        self._error = error
        self._let.set()

    async def stand(self) -> None:
        self.reached.set()
        await self._let.wait()
        if self._error is not None:
            raise self._error


class Gate:
    """Passes every call on, but for those that a test holds."""

    def __init__(self, behind: object) -> None:
        self._behind = behind
        self._held: dict[tuple[str, Moment], Held] = {}

    def hold(self, name: str, moment: Moment) -> Held:
        """Hold the next call of this name."""
        held = self._held[name, moment] = Held()
        return held

    def lose_answer(self, name: str, error: Exception) -> None:
        """Have the next call of this name done, and its caller told that it failed."""
        self.hold(name, "after").let(error)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._behind, name)

        async def passed(*args: object, **options: object) -> object:
            await self._stand(name, "before")
            answer = await call(*args, **options)
            await self._stand(name, "after")
            return answer

        return passed

    async def _stand(self, name: str, moment: Moment) -> None:
        held = self._held.pop((name, moment), None)
        if held is not None:
            await held.stand()
