"""What a job meets that is aborted in the middle, and how to see that it is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.bring_your_code.conftest import Transactions
from tests.support.nodes import Node
from tests.support.servers.postgres import PostgresServer

Check = Callable[[], Any]
"""Plain or async; true where what it is named after is so."""
COMPUTED_S = 0.1
"""How long a process must have computed to be known to be in a long call."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Where a handler runs."""

    node: Node
    server: PostgresServer
    transactions: Transactions
    folder: Path
    """Empty, for one job."""

    @property
    def hold(self) -> str:
        """Makes the handlers of `tests/handlers_real` say that they are in the middle."""
        return str(self.folder / "hold")

    def holding(self) -> list[int]:
        """The processes that said so."""
        return [int(file.suffix[1:]) for file in self.folder.glob("hold.*")]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What one job meets."""

    in_the_middle: Check
    data: Mapping[str, object] = field(default_factory=dict)
    free: Mapping[str, Check] = field(default_factory=dict)
    """What is free once the job is aborted, with the check that it is."""


Arrange = Callable[[World], AbstractAsyncContextManager[Surroundings]]


def exists(pid: int) -> bool:
    """Whether a process is in the process table."""
    return Path(f"/proc/{pid}").exists()


def has_computed(pid: int) -> bool:
    """Whether a process has used the processor for a while (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK") >= COMPUTED_S
