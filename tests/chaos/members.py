"""A node for faults, and its supervisor, which restarts it whenever it has ended."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.chaos.skewed import OFFSET
from tests.support.nodes import Node
from tests.support.process_table import proc_file

PROGRAM: Final = Path(__file__).with_name("skewed.py")
GONE_S: Final = 10.0
"""How long a warden may take to end everything that a killed node started."""
UNLIMITED: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Member:
    """One node of an installation; it keeps its name when it restarts."""

    def __init__(self, name: str, *, folder: Path, settings: Mapping[str, object]) -> None:
        self.name = name
        self.harmed = asyncio.Lock()
        """Held by a fault of this node until it has recovered."""
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._offset = self._folder / "offset"
        self._settings = {**settings, "NODE__NAME": name}
        self._node: Node | None = None
        self.jump(0)

    @property
    def url(self) -> str:
        """The URL at which it answers, or last answered."""
        return self.node.url

    @property
    def node(self) -> Node:
        assert self._node is not None
        return self._node

    async def start(self) -> None:
        """Start it; again while a server that it needs is down, since it then ends by itself."""
        while True:
            try:
                self._node = await asyncio.to_thread(self._start)
            except AssertionError as error:
                if "exit status 2" not in str(error):
                    raise
            else:
                return

    def signal(self, signal_: signal.Signals) -> None:
        self.node.signal(signal_)

    async def kill(self) -> None:
        """SIGKILL the node's own process; its warden must end the rest."""
        await asyncio.to_thread(self.node.kill)

    async def buried(self) -> None:
        """Check that no process of its last run is left."""
        await self.node.gone(within_s=GONE_S)
        self.node.close()

    async def drain(self) -> None:
        """SIGTERM, and check that it ends without an error."""
        status = await asyncio.to_thread(self.node.drain)
        assert status == 0, f"{self.name} ended with status {status}:\n{self.node.log[-4000:]}"
        await self.buried()

    def jump(self, seconds: int) -> None:
        """Set the offset of its wall clock."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._offset)

    def fill_disk(self) -> None:
        """Let the node's own process write to no file, as on a full disk."""
        resource.prlimit(self.node.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        resource.prlimit(self.node.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)

    def kill_queue(self) -> None:
        """SIGKILL the embedded queue's server."""
        for pid in self.node.processes():
            program = proc_file(pid, "cmdline").partition(b"\0")[0]
            if b"valkey-server" in program or b"redis-server" in program:
                os.kill(pid, signal.SIGKILL)

    def must_live(self) -> None:
        """Check that it has not ended by itself."""
        status = self.node.process.poll()
        assert status is None, f"{self.name} ended by itself ({status}):\n{self.node.log[-4000:]}"

    def close(self) -> None:
        """End it in whatever state it is."""
        if self._node is not None:
            self._node.close()

    def _start(self) -> Node:
        place = {OFFSET: str(self._offset)}
        return Node(self._folder, self._settings, program=PROGRAM, environment=place)
