"""A node that is to be harmed, and its supervisor, which starts it again whenever it has ended."""

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

PROGRAM: Final = Path(__file__).with_name("skewed.py")
GONE_S: Final = 10.0
"""For everything that a killed node started to be ended by its warden."""
UNLIMITED: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Member:
    """One node of an installation, under one name for all its lives."""

    def __init__(self, name: str, *, folder: Path, settings: Mapping[str, object]) -> None:
        self.name = name
        self.harmed = asyncio.Lock()
        """Held by the fault that is at it, until it is whole again."""
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._offset = self._folder / "offset"
        self._settings = {**settings, "NODE__NAME": name}
        self._node: Node | None = None
        self.jump(0)

    @property
    def url(self) -> str:
        """Where it answers, or last answered."""
        return self.node.url

    @property
    def node(self) -> Node:
        assert self._node is not None
        return self._node

    async def start(self) -> None:
        """Start it, and again while what it needs is down: then it ends by itself, as it says."""
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
        """SIGKILL the node's own process; its warden is to do the rest."""
        await asyncio.to_thread(self.node.kill)

    async def buried(self) -> None:
        """See that nothing of its last life is left."""
        await self.node.gone(within_s=GONE_S)
        self.node.close()

    async def drain(self) -> None:
        """SIGTERM, and see that it ends well."""
        status = await asyncio.to_thread(self.node.drain)
        assert status == 0, f"{self.name} ended with status {status}:\n{self.node.log[-4000:]}"
        await self.buried()

    def jump(self, seconds: int) -> None:
        """Set how far its wall clock is off."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._offset)

    def fill_disk(self) -> None:
        """Let no file of the node's own process grow, or be written to: a disk without any room."""
        resource.prlimit(self.node.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        resource.prlimit(self.node.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)

    def kill_queue(self) -> None:
        """SIGKILL the embedded queue's server."""
        for pid in self.node.processes():
            program = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
            if b"valkey-server" in program or b"redis-server" in program:
                os.kill(pid, signal.SIGKILL)

    def must_live(self) -> None:
        """A node ends when it is told to, and at no other time."""
        status = self.node.process.poll()
        assert status is None, f"{self.name} ended by itself ({status}):\n{self.node.log[-4000:]}"

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._node is not None:
            self._node.close()

    def _start(self) -> Node:
        place = {OFFSET: str(self._offset)}
        return Node(self._folder, self._settings, program=PROGRAM, environment=place)
