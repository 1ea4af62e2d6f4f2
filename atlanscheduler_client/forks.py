"""What a forked process does with the sockets that it inherited: it gives them up, unused.

A fork copies every open descriptor. If both processes used a connection, each would read parts of
the other's responses. The child closes its copies before anything else runs in it. That sends
nothing: for the node and for the parent, the connection stays as it is. In the child, a socket that
was given up fails like any that is closed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Final
from weakref import WeakSet

_sockets: Final[WeakSet[socket]] = WeakSet()
"""All sockets of this process's clients; for the whole process, as a fork is."""


def keep_from_children(sock: socket) -> None:
    """Have every process that is forked from now on give this socket up."""
    _sockets.add(sock)


def _give_up() -> None:
    """Close the inherited descriptors; without locks, which a lost thread could hold for ever."""
    for sock in list(_sockets):
        if (descriptor := sock.detach()) >= 0:
            os.close(descriptor)
        with suppress(OSError):  # it has no descriptor any more; what is left is its TLS state
            sock.shutdown(SHUT_RDWR)


os.register_at_fork(after_in_child=_give_up)
