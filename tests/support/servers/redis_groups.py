"""Real Redis servers that belong together, which a test may fail over.

sentinel_group   a master, two replicas and three sentinels, for the whole session
redis_cluster    three masters with a replica each, for the whole session
own_sentinels, own_cluster   the same for one test, which may kill, freeze and move
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from tests.support.servers.ports import free_port
from tests.support.servers.redis import RedisServer

SERVICE = "main"
DOWN_MS = 1000
"""After how long a silent master is replaced: longer than a restart of it takes."""
READY_S = 60.0
LOOK_S = 0.1
"""A look opens a connection to each server."""
SLOTS = 16384


class SentinelGroup:
    """A master with two replicas, watched by three sentinels."""

    def __init__(self, program: str, folder: Path) -> None:
        self.servers = [_server(program, folder / f"server-{each}") for each in range(3)]
        self.sentinels = [_sentinel(program, folder / f"sentinel-{each}") for each in range(3)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    @property
    def master(self) -> RedisServer:
        """The server that the sentinels name."""
        _, port = self.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", SERVICE)
        return next(each for each in self.servers if each.port == int(port))

    def start(self) -> None:
        for each in self.servers:
            each.start()
        first, *others = self.servers
        for each in others:
            each.command("REPLICAOF", "127.0.0.1", str(first.port))
        _until(lambda: all(is_linked(each) for each in others))
        for each in self.sentinels:
            (each.folder / "sentinel.conf").write_text("\n".join(self._configuration(each)))
            each.start()
        _until(lambda: all(self._sees_all(each) for each in self.sentinels), self._told)

    def stop(self) -> None:
        for each in (*self.sentinels, *self.servers):
            each.stop()

    def fail_over(self) -> None:
        """Have a sentinel choose another master, and wait until it is one."""
        before = self.master
        self.sentinels[0].command("SENTINEL", "FAILOVER", SERVICE)
        self.another_than(before)

    def another_than(self, before: RedisServer) -> RedisServer:
        """The next master, once every sentinel names it."""
        _until(lambda: all(_names_another(each, before) for each in self.sentinels))
        return self.master

    def _configuration(self, sentinel: RedisServer) -> Iterator[str]:
        """Names all the others: they need not find each other, which takes seconds."""
        first, *replicas = self.servers
        yield f"sentinel myid {_id_of(sentinel)}"
        yield f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} 2"
        yield f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}"
        yield f"sentinel failover-timeout {SERVICE} 3000"
        for each in replicas:
            yield f"sentinel known-replica {SERVICE} 127.0.0.1 {each.port}"
        for each in self.sentinels:
            if each is not sentinel:
                known = f"127.0.0.1 {each.port} {_id_of(each)}"
                yield f"sentinel known-sentinel {SERVICE} {known}"

    def _sees_all(self, sentinel: RedisServer) -> bool:
        state = self._state(sentinel)
        return (state["num-slaves"], state["num-other-sentinels"]) == ("2", "2")

    def _state(self, sentinel: RedisServer) -> dict[str, str]:
        state = sentinel.ask("SENTINEL", "master", SERVICE)
        return dict(zip(state[::2], state[1::2], strict=True))

    def _told(self) -> str:
        """What each sentinel knows, and logged."""
        return "\n\n".join(
            f"{self._state(each)}\n{(each.folder / 'redis.log').read_text()}"
            for each in self.sentinels
        )


class RedisCluster:
    """Three masters, each with a replica."""

    def __init__(self, program: str, folder: Path) -> None:
        self.servers = [
            _server(program, folder / f"server-{each}", *_cluster_options()) for each in range(6)
        ]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.servers[:3])
        return f"redis+cluster://{hosts}"

    def master_of(self, namespace: str) -> RedisServer:
        """The master of the slot of a namespace."""
        return self._master_by(next(each for each in self.servers if each.is_up), namespace)

    def _master_by(self, server: RedisServer, namespace: str) -> RedisServer:
        """The same, as one of the servers says."""
        slot = slot_of(namespace)
        [port] = [
            master[1]
            for first, last, master, *_ in server.ask("CLUSTER", "SLOTS")
            if first <= slot <= last
        ]
        return next(each for each in self.servers if each.port == port)

    def id_of(self, server: RedisServer) -> str:
        return str(server.ask("CLUSTER", "MYID"))

    def replica_of(self, master: RedisServer) -> RedisServer:
        return self.servers[(self.servers.index(master) + 3) % 6]

    def start(self) -> None:
        for each in self.servers:
            each.start()
        masters, replicas = self.servers[:3], self.servers[3:]
        bounds = [0, 5461, 10923, SLOTS]
        for number, master in enumerate(masters):
            first, last = bounds[number], bounds[number + 1] - 1
            master.command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            master.command("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for each in self.servers[1:]:
            bus = str(each.options[each.options.index("--cluster-port") + 1])
            masters[0].command("CLUSTER", "MEET", "127.0.0.1", str(each.port), bus)
        _until(lambda: all(_knows(each, 6) for each in self.servers))
        for master, replica in zip(masters, replicas, strict=True):
            replica.command("CLUSTER", "REPLICATE", self.id_of(master))
        _until(lambda: all(is_linked(each) for each in replicas))
        _until(lambda: all(_is_whole(each) for each in self.servers))

    def stop(self) -> None:
        for each in self.servers:
            each.stop()

    def fail_over(self, namespace: str) -> None:
        """Make a replica the master of a namespace's slot."""
        before = self.master_of(namespace)
        self.replica_of(before).command("CLUSTER", "FAILOVER")
        self.another_than(before, namespace)

    def another_than(self, before: RedisServer, namespace: str) -> RedisServer:
        """The next master of a namespace's slot, once the others name it."""
        others = [each for each in self.servers if each is not before]
        _until(lambda: all(self._master_by(each, namespace) is not before for each in others))
        return self.master_of(namespace)

    def move(self, namespace: str) -> Iterator[None]:
        """Move a namespace's slot to another master: goes on in the middle, with half of it moved.

        Until the first `next`, new keys are answered with `ASK`; from the second on, all is there.
        """
        slot = str(slot_of(namespace))
        source = self.master_of(namespace)
        target = next(each for each in self.servers if _is_master(each) and each is not source)
        ids = self.id_of(source), self.id_of(target)
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
        yield
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, "100"):
            source.command(
                "MIGRATE", "127.0.0.1", str(target.port), "", "0", "5000", "REPLACE", "KEYS", *keys
            )
        for each in (target, source, *filter(_is_master, self.servers)):
            each.command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])


def slot_of(namespace: str) -> int:
    return key_slot(f"{{{namespace}}}:queue".encode())


def is_linked(server: RedisServer) -> bool:
    """Whether it is a replica that follows its master."""
    return _fact(server, "replication", "master_link_status") == "up"


@contextmanager
def running(group: SentinelGroup | RedisCluster) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(group.stop)
        group.start()
        yield


@pytest.fixture(scope="session")
def sentinel_group(
    redis_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SentinelGroup]:
    group = SentinelGroup(redis_program, tmp_path_factory.mktemp("sentinels"))
    with running(group):
        yield group


@pytest.fixture(scope="session")
def redis_cluster(
    redis_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisCluster]:
    cluster = RedisCluster(redis_program, tmp_path_factory.mktemp("cluster"))
    with running(cluster):
        yield cluster


@pytest.fixture
def own_sentinels(redis_program: str, tmp_path: Path) -> Iterator[SentinelGroup]:
    group = SentinelGroup(redis_program, tmp_path / "sentinels")
    with running(group):
        yield group


@pytest.fixture
def own_cluster(redis_program: str, tmp_path: Path) -> Iterator[RedisCluster]:
    cluster = RedisCluster(redis_program, tmp_path / "cluster")
    with running(cluster):
        yield cluster


def _server(program: str, folder: Path, *options: str) -> RedisServer:
    folder.mkdir(parents=True)
    return RedisServer(program, folder, options=["--repl-diskless-sync-delay", "0", *options])


def _sentinel(program: str, folder: Path) -> RedisServer:
    folder.mkdir(parents=True)
    return RedisServer(program, folder, options=["--sentinel"], configuration="sentinel.conf")


def _id_of(sentinel: RedisServer) -> str:
    """The id of a sentinel: 40 hexadecimal digits, which no other has."""
    return f"{sentinel.port:040x}"


def _cluster_options() -> list[str]:
    return [
        *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
        *("--cluster-node-timeout", str(DOWN_MS), "--cluster-require-full-coverage", "no"),
    ]


def _fact(server: RedisServer, section: str, name: str) -> object:
    facts: Any = server.command("INFO", section)
    return facts.get(name)


def _names_another(sentinel: RedisServer, before: RedisServer) -> bool:
    _, port = sentinel.ask("SENTINEL", "get-master-addr-by-name", SERVICE)
    return bool(port != str(before.port))


def _knows(server: RedisServer, number: int) -> bool:
    return f"cluster_known_nodes:{number}\r" in server.ask("CLUSTER", "INFO")


def _is_whole(server: RedisServer) -> bool:
    told = server.ask("CLUSTER", "INFO")
    return "cluster_state:ok" in told and f"cluster_slots_ok:{SLOTS}\r" in told


def _is_master(server: RedisServer) -> bool:
    return server.is_up and _fact(server, "replication", "role") == "master"


def _until(true: Callable[[], bool], told: Callable[[], str] = str) -> None:
    """Wait outside an event loop, as a fixture does; if in vain, fail with what is `told`."""
    deadline = time.monotonic() + READY_S
    while not _is_so(true):
        assert time.monotonic() < deadline, f"the servers do not come to an agreement\n{told()}"
        time.sleep(LOOK_S)


def _is_so(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except (redis.RedisError, KeyError, ValueError, StopIteration):
        return False
