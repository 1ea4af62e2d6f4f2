"""What waits for other jobs ends as these say, in any interleaving, on every store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from scheduler.core.ports.store import Store
from tests.model.effort import Fresh, explore
from tests.model.machines.dependency_machine import DependencyMachine
from tests.model.test_store import fresh_memory, fresh_postgres, fresh_sqlite
from tests.support.servers.postgres import PostgresServer

EXAMPLES = {"memory": 100, "sqlite": 30, "postgres": 15}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_random_graphs_end_as_the_ends_of_their_jobs_say(
    kind: str, postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """No job begins too early, none is left waiting, whoever dies in between."""
    openings: dict[str, Callable[[], AbstractAsyncContextManager[Fresh[Store]]]] = {
        "memory": fresh_memory,
        "sqlite": partial(fresh_sqlite, tmp_path),
        "postgres": partial(fresh_postgres, postgres_url, postgres_server, tmp_path),
    }
    explore(openings[kind](), DependencyMachine, examples=EXAMPLES[kind], steps=40)
