"""Group commit: calls of one kind that meet become one, and each caller gets its own answer.

    caller ─▶ ┐                                     ┌─▶ answer
    caller ─▶ ┼─ wait ─▶ serve ─▶ run(calls) ───────┼─▶ answer
    caller ─▶ ┘                                     └─▶ error

A call that finds nothing under way is run in the next turn of the loop, with those that came in
this one: to wait for company would only delay it. What comes while a run is under way makes the
next run, so runs grow with the load, up to a bound. Where nobody waits for the answer, `pause_s`
lets them grow further: a run costs the same time of the node's however many share it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from scheduler.core.errors import Unavailable

Call = TypeVar("Call")
Result = TypeVar("Result")


class Batch(Generic[Call, Result]):
    """A function of many calls, to be called with one. `serve` runs while it is in use."""

    def __init__(
        self,
        run: Callable[[Sequence[Call]], Awaitable[Sequence[Result]]],
        *,
        weight_max: int,
        weight: Callable[[Call], int] = lambda _: 1,
        pause_s: float = 0.0,
        observe: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Collaborators.

        Args:
            run: answers calls in their order. Where it raises anything but `Unavailable` it has
                done nothing; then each call is run alone, to find whose error that is.
            weight_max: of the calls of one run together; a heavier one runs alone.
            pause_s: after a run; what comes meanwhile waits, and shares the next one.
            observe: told how many calls each run answers.
        """
        self._run = run
        self._weight_max = weight_max
        self._weight = weight
        self._pause_s = pause_s
        self._observe = observe
        self._waiting: deque[tuple[Call, Future[Result]]] = deque()
        self._wanted = asyncio.Event()
        self._closed = False

    async def __call__(self, call: Call) -> Result:
        """Wait for the answer to one call. Cancelled, it has run whole or not at all."""
        answer: Future[Result] = asyncio.get_running_loop().create_future()
        if self._closed:
            answer.cancel()
        self._waiting.append((call, answer))
        self._wanted.set()
        return await answer

    async def serve(self) -> None:
        """Run what waits, for ever; the background task of a batch."""
        try:
            while True:
                await self._wanted.wait()
                if not (met := self._met()):
                    continue  # all gave up while they waited
                self._observe(len(met))
                await self._answer(met)
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._closed = True
            _leave(self._waiting)

    def _met(self) -> Sequence[tuple[Call, Future[Result]]]:
        """Those who wait and make one run together, without those who gave up."""
        met: list[tuple[Call, Future[Result]]] = []
        weight = 0
        while self._waiting:
            call, answer = self._waiting[0]
            weight += self._weight(call)
            if met and weight > self._weight_max:
                return met
            self._waiting.popleft()
            if not answer.done():
                met.append((call, answer))
        self._wanted.clear()
        return met

    async def _answer(self, met: Sequence[tuple[Call, Future[Result]]]) -> None:
        try:
            answers = await self._run([call for call, _ in met])
        except Unavailable as error:
            for _, answer in met:
                _fail(answer, type(error)(*error.args))
        except Exception as error:  # noqa: BLE001 - it is for one of those who called
            await self._blame(met, error)
        else:
            for (_, answer), found in zip(met, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        finally:
            _leave(met)

    async def _blame(self, met: Sequence[tuple[Call, Future[Result]]], error: Exception) -> None:
        """Tell the error to the one whose it is."""
        if len(met) == 1:
            _fail(met[0][1], error)
            return
        for each in met:
            await self._answer([each])


def _fail(answer: Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _leave(met: Iterable[tuple[Call, Future[Result]]]) -> None:
    """Cancel whoever has no answer: what it waits for is being closed."""
    for _, answer in met:
        answer.cancel()
