"""Finds the master: asked of sentinels, or of the nodes of a cluster, whenever a connection opens.

All keys of an installation have one hash tag, so in a cluster one master has them all, and the node
talks to that one as to any other server. After a failover, or once the slot has moved, the server
refuses; the connections are closed then, and the new ones find the new master.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from redis.crc import key_slot
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from scheduler.queue.addresses import Address, Host

ASK_S: Final = 0.6
"""How long each is waited for: three of them within the time for one command."""
LEARNT_MAX: Final = 16
"""How many nodes of the cluster are kept that the configuration does not name."""

Locator = Callable[[], Awaitable[Host]]


def locator(
    address: Address, kind: type[Any], options: Mapping[str, Any], *, key: str
) -> Locator | None:
    """What finds the master; None where the address is that of the server itself.

    Args:
        kind: the class of connections to ask through.
        options: what connections to the server are made with.
        key: in a cluster, the master is the one that has it.
    """
    if not address.form:
        return None
    kept = {name: each for name, each in options.items() if name not in {"host", "port", "db"}}
    if address.form == "cluster":
        return _Cluster(address, kind, kept, slot=key_slot(key.encode())).locate
    for name in ("username", "password"):
        kept.pop(name, None)
    return _Sentinels(address, kind, {**kept, **address.of_sentinels}).locate


class _Asking:
    """Asks one after the other, and begins with another one each time: one may be cut off."""

    def __init__(self, address: Address, kind: type[Any], options: Mapping[str, Any]) -> None:
        self._hosts = deque(address.hosts)
        self._kind = kind
        self._options = options

    async def locate(self) -> Host:
        """The address of the master.

        Raises:
            ConnectionLost: nobody knows it.
        """
        reasons = []
        hosts = list(self._hosts)
        self._hosts.rotate(-1)
        for host in hosts:
            try:
                async with asyncio.timeout(ASK_S):
                    return await self._ask(host)
            except (RedisError, OSError, TimeoutError, ValueError, TypeError, LookupError) as error:
                reason = str(error) or f"nothing came within {ASK_S} s"
                reasons.append(f"{host[0]}:{host[1]}: {reason}")
        raise ConnectionLost("; ".join(reasons))

    async def _ask(self, host: Host) -> Host:
        raise NotImplementedError

    async def _command(self, host: Host, *words: str) -> Any:  # noqa: ANN401 - what the server says
        connection = self._kind(host=host[0], port=host[1], **self._options)
        try:
            await connection.connect()
            await connection.send_command(*words)
            return await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)


class _Sentinels(_Asking):
    """Sentinels, which name the master of a service."""

    def __init__(self, address: Address, kind: type[Any], options: Mapping[str, Any]) -> None:
        super().__init__(address, kind, options)
        self._service = address.service

    async def _ask(self, host: Host) -> Host:
        found = await self._command(host, "SENTINEL", "get-master-addr-by-name", self._service)
        if found is None:
            raise LookupError(f"this sentinel has no master {self._service!r}")
        name, port = found
        return str(name), int(port)


class _Cluster(_Asking):
    """Nodes of a cluster, which name the master of a slot."""

    def __init__(
        self,
        address: Address,
        kind: type[Any],
        options: Mapping[str, Any],
        *,
        slot: int,
    ) -> None:
        super().__init__(address, kind, options)
        self._named = address.hosts
        self._slot = slot

    async def _ask(self, host: Host) -> Host:
        ranges = await self._command(host, "CLUSTER", "SLOTS")
        masters = {
            (first, last): _address(master, asked=host) for first, last, master, *_ in ranges
        }
        self._learn(list(masters.values()))
        for (first, last), master in masters.items():
            if first <= self._slot <= last:
                return master
        raise LookupError(f"no node of the cluster has slot {self._slot}")

    def _learn(self, masters: list[Host]) -> None:
        """Ask these masters, too: all that the configuration names may be replaced some day."""
        learnt = [each for each in dict.fromkeys(masters) if each not in self._named]
        kept = {*self._named, *learnt[:LEARNT_MAX]}
        known = [each for each in self._hosts if each in kept]
        self._hosts = deque([*known, *(each for each in kept if each not in known)])


def _address(node: list[Any], *, asked: Host) -> Host:
    """The address in an answer; a node that does not know its own host leaves it empty."""
    name, port = node[:2]
    return (str(name) if name not in {None, "", "?"} else asked[0]), int(port)
