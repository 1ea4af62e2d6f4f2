"""Every job begins as the first one did: what an interpreter has only one of."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.integration.handlers.test_process_state import check
from tests.support.handlers.folders import serving
from tests.support.nodes import HANDLERS, Node

STATES = [
    "warnings ignored",
    "a warnings filter",
    "no warnings filters",
    "decimal precision",
    "decimal traps",
    "a decimal context",
    "the default decimal context",
    "a socket timeout",
    "a folder to import from",
    "a last folder to import from",
    "no folders to import from",
    "no folder of the standard library",
    "a finder of modules",
    "little recursion",
    "slow switches of threads",
    "long integers as text",
    "a tracer",
    "a profiler",
    "a tracer of threads",
    "a profiler of threads",
    "the stack of threads",
    "traced memory",
    "an exception hook",
    "a hook of unraisable exceptions",
    "an exception hook of threads",
    "arguments",
    "no garbage collection",
    "rare garbage collection",
    "a verbose garbage collection",
    "a callback of garbage collection",
    "a locale",
    "a locale of numbers",
    "a context variable",
    "a start method of processes",
]
LOGGING = [
    "a level of the root logger",
    "a level of a logger",
    "a level of a new logger",
    "a level of all loggers",
    "no handlers",
    "one more handler",
    "a filter",
    "a formatter",
    "a shutdown",
    "other names of levels",
    "captured warnings",
    "a class of loggers",
    "a factory of records",
    "a logger that is disabled",
]
ASYNCIO = ["no event loop", "another event loop", "a closed event loop", "a policy", "a run"]
SEEDS = ["random", "random state", *(["numpy"] if find_spec("numpy") else [])]
NUMPY = """
    import numpy
    from scheduler import handler

    @handler("seed")
    def seed(data):
        if data["seed"] is not None:
            numpy.random.seed(data["seed"])
        return [float(numpy.random.random()) for _ in range(data["count"])]
"""


@pytest.fixture(scope="module")
def with_numpy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of its own: each other one would import numpy for nothing, which takes long."""
    handlers = {"seed.py": NUMPY, "trials.py": (HANDLERS / "trials.py").read_text()}
    with serving(tmp_path_factory.mktemp("numpy"), handlers, NODE__WORKERS=1) as node:
        yield node


@pytest.fixture
async def seeding(request: pytest.FixtureRequest, kind: str) -> Node:
    """A node with this generator, and with a process that has run no job."""
    node: Node = request.getfixturevalue("with_numpy" if kind == "numpy" else "single")
    await node.outcome("crash", 0)
    return node


@pytest.mark.parametrize("state", STATES)
async def test_a_job_begins_with_the_original_interpreter(fresh: Node, state: str) -> None:
    """Else it computes, imports or fails differently from when it is alone."""
    await check(fresh, "interpreter", state)


@pytest.mark.parametrize("state", LOGGING)
async def test_a_job_begins_with_the_original_logging(fresh: Node, state: str) -> None:
    """Else its lines are missing from its log, or twice in it."""
    await check(fresh, "logging_state", state)


@pytest.mark.parametrize("state", ASYNCIO)
async def test_a_job_begins_with_the_original_event_loop(fresh: Node, state: str) -> None:
    """A library that asks for the event loop must find one, as in a script."""
    await check(fresh, "asyncio_state", state)


async def test_async_jobs_do_not_take_the_event_loop_from_plain_ones(fresh: Node) -> None:
    """The two kinds of handlers take turns in one process."""
    before = await fresh.outcome("asyncio_state", {"state": "a run", "change": False})
    await fresh.outcome("async_echo", 1)
    after = await fresh.outcome("asyncio_state", {"state": "a run", "change": False})
    assert after["result"] == before["result"]


@pytest.mark.parametrize("kind", SEEDS)
async def test_a_seed_is_for_the_job_that_sets_it(seeding: Node, kind: str) -> None:
    """Else the next user's tokens and samples are known in advance."""
    known = await values(seeding, kind, seed=42, count=100)
    assert await values(seeding, kind, seed=42) == known[:5], "a seed must work within its job"
    assert not set(await values(seeding, kind)) & set(known)


@pytest.mark.parametrize("kind", SEEDS)
async def test_random_numbers_do_not_repeat_from_job_to_job(seeding: Node, kind: str) -> None:
    """Restoring the state of a generator would give each job the same numbers."""
    found = [each for _ in range(3) for each in await values(seeding, kind)]
    await seeding.outcome("crash", 0)
    found += [each for _ in range(2) for each in await values(seeding, kind)]
    assert len(set(found)) == len(found)


async def values(node: Node, kind: str, *, seed: int | None = None, count: int = 5) -> list[float]:
    """What a generator gives in a job, which seeds it or not."""
    job = await node.outcome("seed", {"kind": kind, "seed": seed, "count": count})
    assert job["status"] == "successful", job["error"]
    found: list[float] = job["result"]
    return found
