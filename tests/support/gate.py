"""A gate in front of a store or a queue: a test holds a call at the point where a race happens.

Or a fault happens to the n-th of all calls that pass the gates of one `Trouble`: it fails before or
after it was done, hangs, is made twice, or is answered late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, Final, Literal

Call = Callable[[], Awaitable[Any]]

Moment = Literal["before", "after"]
"""Before the call is made, or after that and before its caller gets the answer."""


@dataclass
class Held:
    """A call that waits at the gate; `reached` is set once it does."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _let: asyncio.Event = field(default_factory=asyncio.Event)
    _error: Exception | None = None

    def let(self, error: Exception | None = None) -> None:
        """Let the call continue, or fail; after the call was made, that loses its answer."""
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
    """The call does not reach the server."""
    raise error


async def loses_its_answer(call: Call, error: Exception) -> object:
    """The call is done, but its caller gets an error."""
    await call()
    raise error


async def hangs(_call: Call, error: Exception) -> object:
    """The call does not reach the server, and its caller gets the error only later."""
    await asyncio.sleep(LONG_S)
    raise error


async def comes_twice(call: Call, _error: Exception) -> object:
    """The call is made twice, and its caller gets the second answer."""
    await call()
    return await call()


async def is_answered_late(call: Call, _error: Exception) -> object:
    """The call is done, and its caller gets the answer much later."""
    answer = await call()
    await asyncio.sleep(LONG_S)
    return answer


FAULTS: Final = (fails, loses_its_answer, hangs, comes_twice, is_answered_late)


@dataclass
class Trouble:
    """The fault that happens to the `nth` of all calls that pass its gates."""

    nth: int = 0
    fault: Callable[[Call, Exception], Awaitable[object]] = fails
    calls: int = 0
    struck: str = "nothing"
    """The name of the call to which the fault happened."""

    async def pass_on(self, name: str, call: Call, error: Exception) -> object:
        self.calls += 1
        if self.calls != self.nth:
            return await call()
        self.struck = name
        return await self.fault(call, error)


PARTS: Final = frozenset({"dependencies"})
"""Parts of a port that are ports themselves, whose calls pass the gate, too."""


class Part:
    """A part of what is behind a gate."""

    def __init__(self, gate: Gate, behind: object) -> None:
        self._gate = gate
        self._behind = behind

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is behind
        return self._gate.passing(name, getattr(self._behind, name))


class Gate:
    """Passes calls on, except those that a test holds or that have a fault."""

    def __init__(
        self,
        behind: object,
        *,
        trouble: Trouble | None = None,
        error: Callable[[str], Exception] = RuntimeError,
    ) -> None:
        """Collaborators.

        Args:
            error: makes the error that the port raises when its server is unavailable.
        """
        self.cut = False
        """Whether the caller is dead: then no call passes any more."""
        self.refused = 0
        """How many calls were refused because of that."""
        self._behind = behind
        self._trouble = trouble or Trouble()
        self._error = error
        self._held: dict[tuple[str, Moment], Held] = {}

    def hold(self, name: str, moment: Moment, *, lane: str = "") -> Held:  # noqa: ARG002
        """Hold the next call of this name. It hides `Queue.hold`, which may name a lane."""
        held = self._held[name, moment] = Held()
        return held

    def lose_answer(self, name: str, error: Exception) -> None:
        """Let the next call of this name be done, and fail for its caller."""
        self.hold(name, "after").let(error)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is behind
        call = getattr(self._behind, name)
        if name in PARTS:
            return Part(self, call)
        return self.passing(name, call)

    def passing(self, name: str, call: Any) -> Any:  # noqa: ANN401 - whatever is behind
        """A call that the gate passes on."""
        if not iscoroutinefunction(
            call
        ):  # an iterator or a context manager: its steps are not held
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
