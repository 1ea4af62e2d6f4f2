"""A little that each job leaves in its process must not add up until others fail."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from scheduler.processes.child.between_jobs.leaks import COUNT_EVERY
from tests.support.effort import rounds, variants
from tests.support.nodes import Node, Nodes

DESCRIPTORS_MAX = 1024
"""What most systems allow, and what the first jobs of a leak below need less than."""
MIB = 1024 * 1024


@pytest.fixture(scope="module", name="scarce")
def scarce_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker where a process may have few open files."""
    nodes = Nodes(tmp_path_factory.mktemp("scarce"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS_MAX, hard))
    try:
        node = nodes(NODE__WORKERS=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield node
    nodes.close()


async def check(node: Node, task: str, data: object, *, jobs: int) -> None:
    """So many jobs are successful, one after the other."""
    for number in range(jobs):
        job = await node.outcome(task, data)
        assert job["status"] == "successful", (number, job["error"])


@pytest.mark.parametrize(
    ("kind", "jobs"),
    variants(
        [("heap", rounds(15, long=30)), ("mapping", 15)],
        long=[("small objects", 15), ("malloc", 15)],
    ),
)
async def test_memory_that_jobs_leave_does_not_add_up_to_a_limit(
    fresh: Node, kind: str, jobs: int
) -> None:
    """Each of them alone is far below it; thirteen are not."""
    await check(fresh, "leave_memory", {"kind": kind, "bytes": 20 * MIB}, jobs=jobs)


@pytest.mark.parametrize("raises", [True, False])
async def test_a_job_that_leaves_no_memory_is_the_only_one_that_fails(
    fresh: Node,
    raises: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Whether it raised for want of memory, or went on without."""
    await fresh.outcome("hoard", {"raises": raises})
    await check(fresh, "need_memory", None, jobs=3)


@pytest.mark.parametrize("task", ["leave_memory", "leave_memory_without_limit"])
@pytest.mark.parametrize("kind", variants(["heap", "mapping"], long=["malloc"]))
async def test_a_job_has_the_memory_that_it_may_take_whatever_ran_before(
    fresh: Node, task: str, kind: str
) -> None:
    """A process runs the jobs of all handlers, with a limit or without."""
    size = 150 if task == "leave_memory" else 300
    await check(fresh, task, {"kind": kind, "bytes": size * MIB}, jobs=1)
    await check(fresh, "need_memory", None, jobs=3)


@pytest.mark.parametrize(
    "kind",
    variants(["files of a C library", "sockets"], long=["files", "duplicates", "epolls", "pipes"]),
)
async def test_descriptors_that_jobs_leave_do_not_add_up_to_the_limit(
    scarce: Node, kind: str
) -> None:
    """From the 17th on all would fail, at once, and so very many."""
    await scarce.outcome("crash", 0)
    await check(scarce, "leave_descriptors", kind, jobs=20)


async def test_a_process_with_far_more_descriptors_runs_no_other_job(fresh: Node) -> None:
    """Not even once: a single job may leave as many as the next one needs."""
    process = (await fresh.outcome("leave_many_descriptors", 0))["result"]
    assert (await fresh.outcome("leave_many_descriptors", 0))["result"] != process


async def test_descriptors_with_high_numbers_are_counted_too(fresh: Node) -> None:
    """That is seen from time to time, since the lowest that is free tells nothing of them."""
    ran = [await fresh.outcome("leave_many_descriptors", 400) for _ in range(COUNT_EVERY + 1)]
    assert len({job["result"] for job in ran}) > 1


async def test_many_jobs_in_a_row_may_leave_many_files(scarce: Node) -> None:
    """A process that is replaced must not leave them to the next."""
    await check(scarce, "leave_descriptors", "files", jobs=rounds(36, long=60))


@pytest.mark.parametrize(
    "kind",
    [
        "daemon threads",
        "threads",
        "raw threads",
        "thread pools",
        "timers",
        "commands",
        "forks",
        "daemons",
        "processes",
    ],
)
async def test_a_job_is_alone_in_its_process(fresh: Node, kind: str) -> None:
    """What still runs could use what the next job makes."""
    alone = (await fresh.outcome("company"))["result"]
    for _ in range(3):
        await check(fresh, "leave_company", kind, jobs=1)
        assert (await fresh.outcome("company"))["result"] == alone
