"""How many examples the models run: a few in `make test`, and the same ones each time.

`make model` runs for minutes, with another seed each time; a failure prints how to reproduce it.
`EXAMPLES=1000` sets the number of examples.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.support.effort import rounds

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end in the event loop of the state machine."""
Fresh = Callable[[], Coroutine[Any, Any, T]]
"""Returns an empty store or queue server for an example."""

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "0"))


def explore_alone(
    machine: Callable[[], RuleBasedStateMachine], *, examples: int, steps: int
) -> None:
    """The same for a machine that needs no place."""
    run_state_machine_as_test(machine, settings=_effort(examples=examples, steps=steps))  # type: ignore[arg-type]


def explore(
    opening: AbstractAsyncContextManager[Fresh[T]],
    machine: Callable[[T, Run], RuleBasedStateMachine],
    *,
    examples: int,
    steps: int,
) -> None:
    """Run so many examples of so many steps in the long form, usually a third of them.

    `EXAMPLES` in the environment sets another number.
    """
    with asyncio.Runner() as runner:
        fresh = runner.run(_entered(opening))
        try:
            run_state_machine_as_test(
                lambda: machine(runner.run(fresh()), runner.run),  # type: ignore[arg-type]
                settings=_effort(examples=examples, steps=steps),
            )
        finally:
            runner.run(_left(opening))


def _effort(*, examples: int, steps: int) -> settings:
    return settings(
        max_examples=EXAMPLES or rounds(examples // 3, long=examples),
        stateful_step_count=2 * steps if EXAMPLES else steps,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


async def _entered(opening: AbstractAsyncContextManager[T]) -> T:
    return await opening.__aenter__()


async def _left(opening: AbstractAsyncContextManager[object]) -> None:
    await opening.__aexit__(None, None, None)
