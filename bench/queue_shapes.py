"""What it costs the queue's server that it knows users: the scripts beside those of a plain list.

    python -m bench.queue_shapes

For each number of users and size of batches a backlog is enqueued, taken and acknowledged, by both
in turn. The figures are microseconds of the server's processor for each id: unlike times of day,
they mean something on a busy machine. A node takes up to 20 ids for a worker, and 200 ahead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import redis

from bench.harness.run import end_with, run, say
from bench.harness.servers import open_redis_server
from scheduler.queue.keys import Keys

USERS: Final = (1, 100, 10_000)
BATCHES: Final = (1, 20, 200)
IDS: Final = 20_000
TAKE: Final = """
redis.call('SADD', KEYS[3], ARGV[2])
local taken, count = {}, 0
for _ = 1, tonumber(ARGV[3]) do
    if count == tonumber(ARGV[1]) then break end
    local id = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not id then break end
    if #id <= 64 and string.find(id, '^[0-9A-Za-z%-]+$') then
        count = count + 1
        table.insert(taken, id)
    else
        redis.call('LREM', KEYS[2], -1, id)
        table.insert(taken, '')
    end
end
return taken
"""
ACKNOWLEDGE: Final = """
for _, id in ipairs(ARGV) do
    redis.call('LREM', KEYS[1], 1, id)
end
"""


class Job(NamedTuple):
    """An id that waits."""

    id: str
    uid: str
    at_ms: int


class Shape(Protocol):
    """How ids are kept on the server."""

    name: str

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add ids."""
        ...

    def take(self, count: int) -> Sequence[str]:
        """Move some ids to the in-flight list."""
        ...

    def acknowledge(self, entries: Sequence[str]) -> None:
        """Remove them from there."""
        ...


class ListShape:
    """One list of ids for all users, as it was before the queue knew users."""

    name = "list"

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._take = client.register_script(TAKE)
        self._acknowledge = client.register_script(ACKNOWLEDGE)

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add ids."""
        self._client.rpush("{b}:queue", *(job.id for job in jobs))

    def take(self, count: int) -> Sequence[str]:
        """Move some to the in-flight list."""
        found: Any = self._take(["{b}:queue", "{b}:inflight:a", "{b}:nodes"], [count, "a", 1000])
        return list(found)

    def acknowledge(self, entries: Sequence[str]) -> None:
        """Remove them from there."""
        self._acknowledge(["{b}:inflight:a"], entries)


class LinesShape:
    """A line for each user."""

    name = "lines"

    def __init__(self, client: redis.Redis) -> None:
        def load(name: str) -> Callable[..., Any]:
            folder = files("scheduler.queue").joinpath("lua")
            texts = [folder.joinpath(f"{each}.lua").read_text() for each in ("users", name)]
            return client.register_script("\n".join(texts))

        self._keys = Keys("b")
        self._enqueue, self._take, self._acknowledge = map(load, ("enqueue", "take", "acknowledge"))

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add ids."""
        users: dict[str, list[Any]] = {}
        for job in jobs:
            users.setdefault(job.uid, []).extend((job.at_ms, job.id))
        arguments: list[Any] = []
        for uid, pairs in users.items():
            arguments += [uid, "", len(pairs) // 2, *pairs]
        self._enqueue(self._keys.of_users, arguments)

    def take(self, count: int) -> Sequence[str]:
        """Move some to the in-flight list."""
        keys = [
            *self._keys.of_users,
            self._keys.inflight("a"),
            self._keys.nodes,
            self._keys.earlier,
        ]
        return list(self._take(keys, [count, "a", 1000, "", ""]))

    def acknowledge(self, entries: Sequence[str]) -> None:
        """Remove them from there."""
        self._acknowledge([*self._keys.of_users, self._keys.inflight("a")], ["0", *entries])


def main() -> int:
    """Measure and print the table; returns the exit status."""
    arguments = argparse.ArgumentParser(prog="bench.queue_shapes")
    arguments.add_argument("--waiting", type=int, default=1_000_000, help="ids that wait besides")
    run(lambda folder: measure(folder, waiting=arguments.parse_args().waiting))
    return 0


async def measure(folder: Path, *, waiting: int) -> None:
    """Print what each step costs, for both shapes."""
    async with open_redis_server(folder) as server:
        with redis.Redis.from_url(server.url, decode_responses=True, protocol=2) as client:
            say("  users batch   waiting  enqueue, take, acknowledge: list | lines")
            for users in USERS:
                for batch in BATCHES:
                    _compare(client, server.pid, users=users, batch=batch, waiting=0)
                _compare(client, server.pid, users=users, batch=20, waiting=waiting)


def _compare(client: redis.Redis, pid: int, *, users: int, batch: int, waiting: int) -> None:
    figures = []
    for shape in (ListShape(client), LinesShape(client)):
        client.flushall()
        _fill(shape, users, waiting)
        figures.append(" ".join(f"{each:6.1f}" for each in _steps(shape, pid, users, batch)))
    say(f"{users:>7} {batch:>5} {waiting:>9}  {' | '.join(figures)}")


def _fill(shape: Shape, users: int, waiting: int) -> None:
    for some in _batched(_jobs(waiting, users, at_ms=10**12), 1000):
        shape.enqueue(some)


def _steps(shape: Shape, pid: int, users: int, batch: int) -> Iterator[float]:
    """The microseconds of each step, for one id."""
    jobs = list(_jobs(IDS, users, at_ms=2 * 10**12))
    taken: list[Sequence[str]] = []
    yield _cost(pid, lambda: _each(shape.enqueue, _batched(jobs, batch)))
    took = acknowledged = 0.0
    for _ in range(0, IDS, 200):
        took += _cost(pid, lambda: taken.extend(shape.take(batch) for _ in range(200 // batch)))
        acknowledged += _cost(pid, lambda: _each(shape.acknowledge, filter(None, taken)))
        taken.clear()
    yield took
    yield acknowledged


def _jobs(count: int, users: int, *, at_ms: int) -> Iterator[Job]:
    for number in range(count):
        stamp = f"{at_ms + number:012x}"
        job_id = f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012x}"
        yield Job(job_id, f"user-{number % users}", at_ms + number)


def _each(act: Callable[[Any], None], of: Iterable[Any]) -> None:
    for each in of:
        act(each)


def _batched(jobs: Iterable[Job], count: int) -> Iterator[Sequence[Job]]:
    each = iter(jobs)
    while some := list(islice(each, count)):
        yield some


def _cost(pid: int, act: Callable[[], object]) -> float:
    before = _processor_s(pid)
    act()
    return (_processor_s(pid) - before) / IDS * 1e6


def _processor_s(pid: int) -> float:
    """Nanosecond resolution where the kernel tells it: /proc/PID/stat counts in 10 ms."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    end_with(main)
