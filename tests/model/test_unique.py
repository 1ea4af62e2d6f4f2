"""Of each unique key one job is there, in any interleaving, on every store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from scheduler.core.ports.store import Store
from tests.model.effort import Fresh, explore
from tests.model.machines.unique_machine import UniqueMachine
from tests.model.test_store import fresh_memory, fresh_postgres, fresh_sqlite
from tests.support.servers.postgres import PostgresServer

EXAMPLES = {"memory": 50, "sqlite": 20, "postgres": 10}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_one_job_of_each_key_begins_after_the_other(
    kind: str, postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """However they are replaced, aborted and tried again, whoever dies in between."""
    openings: dict[str, Callable[[], AbstractAsyncContextManager[Fresh[Store]]]] = {
        "memory": fresh_memory,
        "sqlite": partial(fresh_sqlite, tmp_path),
        "postgres": partial(fresh_postgres, postgres_url, postgres_server, tmp_path),
    }
    explore(openings[kind](), UniqueMachine, examples=EXAMPLES[kind], steps=40)
