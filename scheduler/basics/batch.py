"""Group commit: concurrent calls of one kind run as one, and each caller gets its own answer.

    caller ─▶ ┐                                     ┌─▶ answer
    caller ─▶ ┼─ wait ─▶ serve ─▶ run(calls) ───────┼─▶ answer
    caller ─▶ ┘                                     └─▶ error

A call that comes while no run is under way runs in the next turn of the loop, with the others that
came in this turn: to wait for more would only delay it. Calls that come during a run make the next
run, so runs grow with the load, up to a bound. Where nobody waits for the answer, `pause_s` lets
them grow further: a run costs the node the same time however many calls share it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain
from typing import Generic, TypeVar

from scheduler.core.errors import Unavailable

Call = TypeVar("Call")
Result = TypeVar("Result")


class Batch(Generic[Call, Result]):
    """Called with one call, it runs a function of many. `serve` must run while it is in use."""

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
                done nothing; then each call is run alone, to find the one that causes the error.
            weight_max: limit for the summed weight of one run; a heavier call runs alone.
            weight: of one call.
            pause_s: time after a run in which new calls wait, to share the next run.
            observe: called with the number of calls in each run.
        """
        self._run = run
        self._weight_max = weight_max
        self._weight = weight
        self._pause_s = pause_s
        self._observe = observe
        self._waiting: deque[tuple[Call, Future[Result]]] = deque()
        self._ahead: deque[tuple[Call, Future[Result]]] = deque()
        self._has_calls = asyncio.Event()
        self._closed = False

    async def __call__(self, call: Call, *, ahead: bool = False) -> Result:
        """Wait for the answer to one call. If cancelled, the call has run whole or not at all.

        With `ahead`, it is in the next run, before all calls that wait without it.
        """
        answer: Future[Result] = asyncio.get_running_loop().create_future()
        if self._closed:
            answer.cancel()
        (self._ahead if ahead else self._waiting).append((call, answer))
        self._has_calls.set()
        return await answer

    async def serve(self) -> None:
        """Run waiting calls, for ever; the background task of a batch."""
        try:
            while True:
                await self._has_calls.wait()
                if not (calls := self._next_run()):
                    continue  # all callers gave up while they waited
                self._observe(len(calls))
                await self._answer(calls)
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._closed = True
            _cancel(chain(self._ahead, self._waiting))

    def _next_run(self) -> Sequence[tuple[Call, Future[Result]]]:
        """The waiting calls that fit into one run, without those whose callers gave up."""
        calls: list[tuple[Call, Future[Result]]] = []
        weight = 0
        while line := self._ahead or self._waiting:
            call, answer = line[0]
            weight += self._weight(call)
            if calls and weight > self._weight_max:
                return calls
            line.popleft()
            if not answer.done():
                calls.append((call, answer))
        self._has_calls.clear()
        return calls

    async def _answer(self, calls: Sequence[tuple[Call, Future[Result]]]) -> None:
        try:
            answers = await self._run([call for call, _ in calls])
        except Unavailable as error:
            for _, answer in calls:
                _fail(answer, type(error)(*error.args))
        except Exception as error:  # noqa: BLE001 - one of the callers gets it
            await self._blame(calls, error)
        else:
            for (_, answer), found in zip(calls, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        finally:
            _cancel(calls)

    async def _blame(self, calls: Sequence[tuple[Call, Future[Result]]], error: Exception) -> None:
        """Raise the error only in the call that causes it."""
        if len(calls) == 1:
            _fail(calls[0][1], error)
            return
        for each in calls:
            await self._answer([each])


def _fail(answer: Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _cancel(calls: Iterable[tuple[Call, Future[Result]]]) -> None:
    """Cancel the calls that have no answer: the batch is being closed."""
    for _, answer in calls:
        answer.cancel()
