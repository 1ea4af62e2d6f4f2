"""Jobs with unique keys on several nodes: one of many, and one after the other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.places.test_places import member  # noqa: F401
from tests.support.eventually import eventually
from tests.support.nodes import Node

HANDLER = """
    import os, signal, time
    from pathlib import Path
    from scheduler import handler

    @handler("alone", grace_s=0.2)
    def alone(data, job):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(data, "a") as diary:
            diary.write(f"{job.id} {os.getpid()} {time.monotonic()}\\n")
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
"""


@pytest.fixture
def town(member: Callable[..., Node], tmp_path: Path) -> list[Node]:  # noqa: F811
    """Three nodes with a handler that ends by SIGKILL alone."""
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "alone.py").write_text(dedent(HANDLER))
    return [member(name, HANDLERS__PATH=folder) for name in ("a", "b", "c")]


class Lives:
    """When the processes of jobs were last seen in /proc."""

    def __init__(self, diary: Path) -> None:
        self.diary = diary
        self.last_seen: dict[int, float] = {}
        self.over = threading.Event()

    def begun(self) -> list[tuple[str, int, float]]:
        """Each attempt, in order: job, process, when."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        found = [line.split() for line in lines]
        return [(job_id, int(pid), float(at)) for job_id, pid, at in found]

    def watch(self) -> None:
        while not self.over.is_set():
            for _, pid, _ in self.begun():
                now = time.monotonic()
                if Path(f"/proc/{pid}/task").exists():
                    self.last_seen[pid] = now
            time.sleep(0.002)


@contextmanager
def watched(diary: Path) -> Iterator[Lives]:
    lives = Lives(diary)
    thread = threading.Thread(target=lives.watch)
    thread.start()
    try:
        yield lives
    finally:
        lives.over.set()
        thread.join()


async def test_of_a_hundred_that_are_submitted_at_once_one_is_made(
    town: list[Node], tmp_path: Path
) -> None:
    """Whatever node is asked: all are answered with the same job."""
    body = {
        "uid": "u1",
        "task": "alone",
        "data": str(tmp_path / "diary"),
        "unique": {"key": "k"},
    }

    async def one(node: Node) -> tuple[int, str]:
        status, job = await node.call("POST", "/", body)
        return status, job["id"]

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one(town[number % 3])) for number in range(100)]
    answers = [each.result() for each in asked]

    assert len({job_id for _, job_id in answers}) == 1
    assert sorted(status for status, _ in answers) == [200] * 99 + [202]
    _, jobs = await town[0].call("GET", "/u1")
    assert len(jobs) == 1


async def test_a_successor_begins_when_the_processes_of_the_one_before_are_gone(
    town: list[Node], tmp_path: Path
) -> None:
    """However long it refuses to end, and whoever waits in between ends aborted."""
    unique = {"key": "k", "on_conflict": "replace"}
    with watched(tmp_path / "diary") as lives:
        jobs = []
        for round_ in range(4):
            for number in range(1 + round_ % 2):
                node = town[(round_ + number) % 3]
                jobs.append(await node.submit("alone", str(lives.diary), unique=unique))
            await eventually(
                lambda: lives.begun()[-1:] and lives.begun()[-1][0] == jobs[-1]["id"], within_s=20
            )
        await town[0].abort(jobs[-1])

    begun = lives.begun()
    assert len(begun) == 4
    for (_, before, _), (_, _, at) in pairwise(begun):
        assert lives.last_seen[before] < at, "two at once"
    ended = [await town[0].job(job) for job in jobs]
    assert {job["status"] for job in ended} == {"aborted"}
    assert all(job["abort"]["survivors"] == 0 for job in ended)
    assert [job["abort"]["reason"] for job in ended[:-1]] == [
        f"replaced by {after['id']}" for after in jobs[1:]
    ]


async def test_a_successor_waits_for_a_node_that_is_presumed_dead(
    town: list[Node], tmp_path: Path
) -> None:
    """Its job may live until its warden or its lease has ended it."""
    unique = {"key": "k", "on_conflict": "replace"}
    with watched(tmp_path / "diary") as lives:
        first = await town[0].submit("alone", str(lives.diary), unique=unique)
        await eventually(lambda: bool(lives.begun()))
        name = (await town[0].job(first))["node"]
        others = [node for node, each in zip(town, ("a", "b", "c"), strict=True) if each != name]
        (killed,) = (node for node in town if node not in others)
        second = await others[0].submit("alone", str(lives.diary), unique=unique)
        assert second["waits"] == {"for": "unique", "until": None}
        killed.kill()
        await eventually(lambda: len(lives.begun()) == 2, within_s=30)
        await others[0].abort(second)

    (_, before, _), (job_id, _, at) = lives.begun()
    assert job_id == second["id"]
    assert lives.last_seen[before] < at, "two at once"
    assert (await others[0].job(first))["status"] == "aborted"
