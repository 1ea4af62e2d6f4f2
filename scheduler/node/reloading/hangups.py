"""What SIGHUP means: load the handlers anew, or, where the terminal was closed, drain.

the node never had a terminal      load (a service, a container)
it was started by `nohup`          load; a closed terminal, too, must not end it
its terminal is still there        load: somebody has sent the signal
its terminal is gone               drain
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CLOSED_S: Final = 0.1
"""How long after the signal to look for the terminal: the kernel may send the signal a moment
before it takes the terminal away. (drivers/tty/tty_jobctrl.c: disassociate_ctty)"""


class Hangups:
    """The SIGHUPs of a node, from its start on."""

    def __init__(self) -> None:
        self._bound = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and has_terminal()
        """Whether the node ends with its terminal."""
        self._received = asyncio.Event()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Heed the signal in the block, and ignore it afterwards: it never hastens the end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._received.set)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def next_closes(self) -> bool:
        """Wait for the next signal; whether it came because the terminal was closed."""
        await self._received.wait()
        self._received.clear()
        if not self._bound:
            return False
        await asyncio.sleep(CLOSED_S)
        return not has_terminal()


def has_terminal() -> bool:
    """Whether this process has a controlling terminal that can be used (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
