"""How hard the models are tried: a little in `make test`, and the same way each time.

`make model` tries for minutes, and from another seed each time; a failure prints how to come back
to it. `EXAMPLES=1000` says how many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end, in the event loop of the machine."""
Fresh = Callable[[], Coroutine[Any, Any, T]]
"""Answers what an example is about, empty."""

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "0"))


def explore(
    opening: AbstractAsyncContextManager[Fresh[T]],
    machine: Callable[[T, Run], RuleBasedStateMachine],
    *,
    examples: int,
    steps: int,
) -> None:
    """Try so many examples of so many steps, or as many as the environment asks for."""
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
        max_examples=EXAMPLES or examples,
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
