"""Handlers as users write them, with the libraries they use, run as they do in a script.

Each runs twice in one process, is aborted in the middle of its work, and runs once more: with the
right result each time, and nothing left behind. The handlers are in `tests/handlers_real`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.bring_your_code.conftest import Transactions
from tests.integration.bring_your_code.shared_memory import entries
from tests.integration.bring_your_code.site import PAGES, Site
from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node

RUN_S = 60.0
"""How long a job may take before it counts as hanging: each takes a second or two, and several
times that where other tests keep the machine busy (a grid search starts three interpreters)."""
LONG_S = 600
"""How long a job would stay in its query if it were not aborted."""
TIDY_S = 60.0
"""How long what a job left behind may take to disappear."""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A handler, what it is given and what comes back."""

    task: str
    data: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further data: names of files in the test's folder."""
    result: object = None
    endless: Mapping[str, object] = field(default_factory=dict)
    """Replaces a part of the data so that the job runs for ever."""
    holding: int = 1
    """How many of its processes wait in the middle of their work."""
    times: tuple[int, int] = (2, 1)
    """How often it runs before the abort, and after it."""


def primes(method: str | None) -> Brought:
    data = {"below": 1000, "start_method": method}
    return Brought(task="primes", data=data, result=168, holding=2)


def squares(task: str, *, holding: int) -> Brought:
    return Brought(task=task, data={"numbers": [1, 2, 3]}, result=[1, 4, 9], holding=holding)


SALES = {"n": 1000, "s": 2000, "w": 3000}

IN_FILES = {
    "pandas": Brought(task="sales_by_region", result={"rows": 3, "regions": SALES, "best": "w"}),
    "matplotlib": Brought(
        task="plot", files={"png": "sine.png"}, result={"is_png": True, "open": []}
    ),
    "joblib": Brought(
        task="grid_search",
        result={"candidates": 3, "good": True},
        holding=2,
        # Each time two more interpreters import scikit-learn, for seconds.
        times=(rounds(1, long=2), rounds(0, long=1)),
    ),
    "pipeline": Brought(
        task="pipeline",
        data={"lines": 1000},
        files={"gz": "lines.gz"},
        result={"statuses": [0, 0], "lines": 1000},
        endless={"lines": None},
    ),
    "sqlite3": Brought(task="import_sales", files={"db": "sales.db"}, result=[3000, 6000]),
    "Pool": primes(None),
    "Pool by fork": primes("fork"),
    "Pool by spawn": primes("spawn"),
    "Pool by forkserver": primes("forkserver"),
    "threads": squares("squares_in_threads", holding=1),
    "processes": squares("squares_in_processes", holding=2),
    "kept processes": squares("squares_in_kept_processes", holding=2),
    "data loader": Brought(task="train", data={"samples": 2048}, result={"close": True}),
    "numpy": Brought(
        task="pi", data={"steps": 5}, result={"near": True}, endless={"steps": 10_000_000}
    ),
    "package": Brought(
        task="shop_receipt", data={"things": ["apple", "pear"]}, result=["apple: 120", "pear: 180"]
    ),
}
"""What says by a file that it is in the middle."""

IN_THE_DATABASE = {
    "SQLAlchemy": Brought(
        task="orders", data={"prices": [10, 20]}, result={"orders": 2, "price": 30}
    ),
    "psycopg": Brought(task="query", data={"n": 10}, result=55),
    "asyncpg": Brought(task="accounts", data={"amounts": [1, 2, 3]}, result=6),
}
"""What is in the middle while it waits for PostgreSQL."""


@pytest.mark.parametrize("handler", IN_FILES.values(), ids=IN_FILES)
async def test_a_handler_runs_ends_at_an_abort_and_runs_again(
    brought: Node, handler: Brought, tmp_path: Path, sales: Path
) -> None:
    """What works in a script works in a job, and an abort ends whatever the libraries started."""
    files = {name: str(tmp_path / file) for name, file in handler.files.items()}
    data = {"csv": str(sales), **handler.data, **files}
    hold = tmp_path / "hold"

    def in_the_middle() -> bool:
        return len(list(tmp_path.glob(f"{hold.name}.*"))) >= handler.holding

    await runs_and_ends(
        brought,
        handler,
        data=data,
        aborted_data={**data, **handler.endless, "hold": str(hold)},
        in_the_middle=in_the_middle,
    )


@pytest.mark.parametrize("handler", IN_THE_DATABASE.values(), ids=IN_THE_DATABASE)
async def test_a_transaction_ends_with_its_job(
    brought: Node, handler: Brought, transactions: Transactions
) -> None:
    """A query that runs on holds its locks, and the next job of that row waits for them."""
    await runs_and_ends(
        brought,
        handler,
        data=handler.data,
        aborted_data={**handler.data, "wait_s": LONG_S},
        in_the_middle=transactions.in_a_query,
        nothing_left=transactions.none,
    )


async def test_a_client_that_a_file_keeps_works_in_every_job(brought: Node, site: Site) -> None:
    """Its connections and locks belong to an event loop, so all jobs of a process need the same."""
    pages = PAGES * len("a page")
    handler = Brought(task="crawl", result={"pages": PAGES, "characters": pages})
    await runs_and_ends(
        brought,
        handler,
        data={"url": f"{site.url}/"},
        aborted_data={"url": f"{site.url}/?slow"},
        in_the_middle=site.asked.is_set,
    )


async def test_the_random_numbers_of_each_process_are_its_own(brought: Node) -> None:
    """A generator that a file makes when it is imported would give the same to all of them."""
    numbers: dict[int, float] = {}
    for _ in range(2):
        process, number = await result_of(brought, "first_random", {})
        numbers[process] = number
        await ended_in_the_middle(brought)
    assert len(numbers) == 2, "one process would prove nothing"
    assert len(set(numbers.values())) == 2, numbers


@pytest.mark.parametrize("method", [None, "fork", "spawn", "forkserver"])
async def test_a_process_that_the_job_terminates_ends_by_the_signal(
    brought: Node, method: str | None
) -> None:
    """Pools end their workers so: one that took SIGTERM for an abort would end late, or never."""
    data = {"start_method": method, "times": 10}
    assert await result_of(brought, "terminate_children", data) == []


async def test_a_fork_that_the_job_terminates_ends_by_the_signal(brought: Node) -> None:
    """Whoever forks without a library expects it, too."""
    assert await result_of(brought, "terminate_forks", {"times": 50}) == []


async def ended_in_the_middle(node: Node) -> None:
    """Abort a job while it runs, so that the next one has another process."""
    job = await node.submit("pi", {"steps": 10_000_000})

    async def has_progressed() -> bool:
        return (await node.job(job))["progress"] is not None

    await eventually(has_progressed, within_s=RUN_S)
    await node.abort(job)


async def nothing() -> bool:
    return True


async def runs_and_ends(
    node: Node,
    handler: Brought,
    *,
    data: Mapping[str, object],
    aborted_data: Mapping[str, object],
    in_the_middle: Callable[[], object],
    nothing_left: Callable[[], object] = nothing,
) -> None:
    """Run a job twice, abort one in the middle, run another; nothing is left after each.

    The aborted one comes in the same process after others, which shows that it runs again there.
    """
    before = entries(node.trial)

    async def is_tidy() -> None:
        await node.alone()
        await eventually(nothing_left, within_s=TIDY_S, saying="its transaction has ended")
        with suppress(AssertionError):
            await eventually(lambda: entries(node.trial) <= before, within_s=TIDY_S)
        assert entries(node.trial) - before == set()

    async def runs(times: int) -> None:
        for _ in range(times):
            assert await result_of(node, handler.task, data) == handler.result
            await is_tidy()

    before_it, after_it = handler.times
    await runs(before_it)
    job = await node.submit(handler.task, aborted_data)
    await eventually(in_the_middle, within_s=RUN_S, saying=f"{handler.task} is in the middle")
    status, job = await node.abort(job)
    assert (status, job["status"], job["abort"]["survivors"]) == (200, "aborted", 0), job
    await is_tidy()
    await runs(after_it)


async def result_of(node: Node, task: str, data: Mapping[str, object]) -> Body:
    """Run a job that must be successful; its result."""
    job = await node.job(await node.submit(task, data), wait_s=RUN_S)
    assert job["status"] == "successful", (job["status"], job["error"])
    return job["result"]
