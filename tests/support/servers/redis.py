"""Real Redis-compatible servers for tests, which leave nothing behind.

    redis_server   one server for the whole session; each test has a namespace of its own in it
    own_redis      a server for one test, which may stop, start, freeze or fill it
    namespace      a name that no other test uses

A missing server program fails the test; it is never skipped.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import redis.asyncio as aioredis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scheduler.queue.embedded.program import find_program
from tests.support.servers.ports import free_port

BOOT_S = 30.0
ANSWER_S = 30.0
"""A command that writes to a disk may take long on a busy machine."""
ONCE = Retry(NoBackoff(), 0)


class RedisServer:
    """A server on 127.0.0.1 without files, which keeps its port when it restarts."""

    def __init__(
        self,
        program: str,
        folder: Path,
        *,
        options: Sequence[str] = (),
        configuration: str | None = None,
    ) -> None:
        """Arguments of the program come from `options`, and a file in `folder` as configuration."""
        self._program = program
        self.folder = folder
        self.options = list(options)
        self._configuration = [] if configuration is None else [configuration]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._is_frozen = False

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self._process is not None and not self._is_frozen

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self) -> aioredis.Redis:
        """A plain client, to look at the queue's data. Close it: `async with`."""
        return aioredis.from_url(self.url, decode_responses=True, protocol=2)

    def start(self) -> None:
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    *self._configuration,
                    *f"--port {self.port} --bind 127.0.0.1 --save".split(),
                    "",
                    *self.options,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for_ping()

    def stop(self) -> None:
        """End it at once; its data is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Make it hang: connections stay open, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self._is_frozen = False

    def command(self, *words: str | bytes) -> object:
        """Send one command from outside the event loop, such as CONFIG SET or REPLICAOF.

        It is never sent twice: some, such as CLUSTER SET-CONFIG-EPOCH, are refused the second time.
        """
        with redis.Redis(port=self.port, socket_timeout=ANSWER_S, retry=ONCE) as client:
            answer: object = client.execute_command(*words)
            return answer

    def ask(self, *words: str) -> Any:  # noqa: ANN401 - what the server says
        """Its answer as it came: of some, redis-py makes something else."""
        options: Any = {"protocol": 2, "socket_timeout": ANSWER_S, "decode_responses": True}
        with redis.Redis(port=self.port, retry=ONCE, **options) as client:
            client.response_callbacks.clear()
            return client.execute_command(*words)

    def _wait_for_ping(self) -> None:
        deadline = time.monotonic() + BOOT_S
        while True:
            try:
                self.command("PING")
            except redis.ConnectionError:
                log = (self.folder / "redis.log").read_text()
                assert self._process is not None
                assert self._process.poll() is None, f"the server ended at start:\n{log}"
                assert time.monotonic() < deadline, f"no answer within {BOOT_S} s:\n{log}"
                time.sleep(0.005)
            else:
                return


@pytest.fixture(scope="session")
def redis_program() -> str:
    return asyncio.run(find_program())


@pytest.fixture(scope="session")
def redis_server(
    redis_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(name="own_redis")
def own_redis_fixture(
    redis_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(name="namespace")
def namespace_fixture() -> str:
    return f"test-{uuid4().hex[:12]}"
