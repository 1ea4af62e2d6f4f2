"""What a handler returns decides whether it is awaited, and not how it was written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.handlers.folders import serving
from tests.support.nodes import Node

FILES = {
    "kinds.py": """
        import asyncio, functools
        from scheduler import handler

        def traced(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)
            return wrapper

        def own_loop(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return asyncio.run(function(*args, **kwargs))
            return wrapper

        async def double(data, by=2):
            await asyncio.sleep(0)
            return data * by

        class Doubler:
            async def __call__(self, data):
                return await double(data)

            async def method(self, data):
                return await double(data)

        handler("wrapped")(traced(double))
        handler("wrapped_twice")(traced(traced(double)))
        handler("own_loop")(own_loop(double))
        handler("partial")(functools.partial(double, by=2))
        handler("partial_of_wrapped")(functools.partial(traced(double), by=2))
        handler("object")(Doubler())
        handler("class")(Doubler)
        handler("bound")(Doubler().method)
        handler("returned")(lambda data: double(data))

        @handler("wrapped_error")
        @traced
        async def wrapped_error(data):
            await asyncio.sleep(0)
            raise LookupError(data)
    """,
}
KINDS = ["wrapped", "wrapped_twice", "own_loop", "partial", "partial_of_wrapped", "object"]
KINDS += ["class", "bound", "returned"]


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with serving(tmp_path_factory.mktemp("doubling"), FILES) as node:
        yield node


@pytest.mark.parametrize("task", KINDS)
async def test_a_coroutine_is_awaited_whoever_returns_it(doubling: Node, task: str) -> None:
    """A plain decorator around an async function returns one, and nobody sees it from outside."""
    job = await doubling.outcome(task, 21)
    assert job["error"] is None, job["error"]
    assert job["result"] == 42


async def test_the_error_of_a_wrapped_coroutine_is_that_of_the_job(doubling: Node) -> None:
    """With its own type, as without the decorator."""
    job = await doubling.outcome("wrapped_error", "x")
    assert (job["error"]["kind"], job["error"]["type"]) == ("exception", "LookupError")
