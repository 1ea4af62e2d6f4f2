"""A gate in front of a store or a queue: a test holds a call where a race would need luck.

Or something happens to the n-th call of all that pass the gates of one `Trouble`: it fails before
or after it was done, hangs, comes twice, or is answered late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, Final, Literal

Call = Callable[[], Awaitable[Any]]

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


LONG_S: Final = 8.0
"""How long a call hangs, or its answer takes: longer than the lease of a node."""


async def fails(_call: Call, error: Exception) -> object:
    """It never reaches the server."""
    raise error


async def loses_its_answer(call: Call, error: Exception) -> object:
    """It is done, and its caller told that it failed."""
    await call()
    raise error


async def hangs(_call: Call, error: Exception) -> object:
    """It never reaches the server, and its caller waits for long before it knows."""
    await asyncio.sleep(LONG_S)
    raise error


async def comes_twice(call: Call, _error: Exception) -> object:
    """Somebody sends it again, and the second answer is the one that is heard."""
    await call()
    return await call()


async def is_answered_late(call: Call, _error: Exception) -> object:
    """It is done, and much happens before its caller hears of it."""
    answer = await call()
    await asyncio.sleep(LONG_S)
    return answer


FAULTS: Final = (fails, loses_its_answer, hangs, comes_twice, is_answered_late)


@dataclass
class Trouble:
    """What happens to the `nth` of all calls that pass its gates."""

    nth: int = 0
    fault: Callable[[Call, Exception], Awaitable[object]] = fails
    calls: int = 0
    struck: str = "nothing"
    """The name of the call that it happened to."""

    async def pass_on(self, name: str, call: Call, error: Exception) -> object:
        self.calls += 1
        if self.calls != self.nth:
            return await call()
        self.struck = name
        return await self.fault(call, error)


class Gate:
    """Passes every call on, but for those that a test holds or has trouble with."""

    def __init__(
        self,
        behind: object,
        *,
        trouble: Trouble | None = None,
        error: Callable[[str], Exception] = RuntimeError,
    ) -> None:
        """Collaborators.

        Args:
            error: what the port behind raises when its server is away.
        """
        self.cut = False
        """Whether whoever calls is dead: nothing of it passes any more."""
        self.refused = 0
        """How many calls did not pass because of that."""
        self._behind = behind
        self._trouble = trouble or Trouble()
        self._error = error
        self._held: dict[tuple[str, Moment], Held] = {}

    def hold(self, name: str, moment: Moment) -> Held:
        """Hold the next call of this name."""
        held = self._held[name, moment] = Held()
        return held

    def lose_answer(self, name: str, error: Exception) -> None:
        """Have the next call of this name done, and its caller told that it failed."""
        self.hold(name, "after").let(error)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is behind
        call = getattr(self._behind, name)
        if not iscoroutinefunction(call):  # a stream or a block: each step of it is no call
            return call

        async def passed(*args: object, **options: object) -> object:
            if self.cut:
                self.refused += 1
                raise self._error("the caller is dead")
            await self._stand(name, "before")
            answer = await self._trouble.pass_on(
                name, lambda: call(*args, **options), self._error(f"trouble with {name}")
            )
            await self._stand(name, "after")
            return answer

        return passed

    async def _stand(self, name: str, moment: Moment) -> None:
        held = self._held.pop((name, moment), None)
        if held is not None:
            await held.stand()
