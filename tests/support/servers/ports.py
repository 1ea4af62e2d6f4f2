"""Ports of 127.0.0.1 for servers of tests that are told theirs, each given to one process once.

A port that the kernel picks for a moment (`bind` to 0) is not ours afterwards: until the server
binds it, and again whenever the server is down, any connection on this machine may get it as its
own end. These are below the range that the kernel picks from, `ip_local_port_range`, which begins
at 32,768 unless it is set; and no two processes of tests take the same one: each holds a name
among the abstract sockets, which the kernel frees when the process ends, however it ends.
"""

from __future__ import annotations

import socket

FIRST, LAST = 20_000, 32_767

_claims: list[socket.socket] = []
"""Kept until this process ends: a server that is down still has its port."""


def free_port() -> int:
    """A port that nobody listens at, for this process alone."""
    for port in range(FIRST, LAST + 1):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0scheduler-tests-port-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise AssertionError(f"no port from {FIRST} to {LAST} is free")
