"""Fixtures for all tests, and what every test must leave as it found it."""

from __future__ import annotations

import compileall
import gc
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.nodes import lone_node, node, own_node, start_node_fixture
from tests.support.programs.left_out import pytest_unconfigure
from tests.support.servers.fronts import front
from tests.support.servers.postgres import postgres_server, postgres_url
from tests.support.servers.receiver import receiver_fixture
from tests.support.servers.redis import (
    namespace_fixture,
    own_redis_fixture,
    redis_program,
    redis_server,
)
from tests.support.servers.redis_groups import (
    own_cluster,
    own_sentinels,
    redis_cluster,
    sentinel_group,
)

__all__ = [
    "front",
    "lone_node",
    "namespace_fixture",
    "node",
    "own_cluster",
    "own_node",
    "own_redis_fixture",
    "own_sentinels",
    "postgres_server",
    "postgres_url",
    "pytest_unconfigure",
    "receiver_fixture",
    "redis_cluster",
    "redis_program",
    "redis_server",
    "sentinel_group",
    "start_node_fixture",
]


ROOT = Path(__file__).parents[1]
COMPILED = ("scheduler", "atlanscheduler_client", "tests", "handlers")


def pytest_configure(config: pytest.Config) -> None:
    """Compile all modules once, and have Ctrl-C work in what tests start.

    Where Python is told to write no bytecode, as in many images, each node that a test starts
    would compile four hundred modules, which takes longer than all else in its start.

    A script that starts the tests in the background has them ignore SIGINT, and all that they
    start inherits this: a test that presses Ctrl-C would wait in vain.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.dont_write_bytecode = False
    if not hasattr(config, "workerinput"):
        for folder in COMPILED:
            compileall.compile_dir(ROOT / folder, quiet=2)


def pytest_collection_finish() -> None:
    """Leave no bytecode of what tests write: they change a file twice within a second.

    What was collected stays until the end: to go through its million objects again and again would
    stop event loops for half a second each time.
    """
    gc.collect()
    gc.freeze()
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A file that does not exist; the test handlers make it when they begin."""
    return tmp_path / "begun"
