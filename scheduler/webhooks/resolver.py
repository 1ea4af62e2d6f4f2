"""Looks up the hosts of hooks, in threads of its own, so that names that hang delay nothing else.

    addresses ─┬─ an address, or known ──────────────────▶ at once
               ├─ a thread is free ─▶ getaddrinfo ────────▶ within `LOOKUP_S`, or not at all
               └─ none is, for this user or domain ───────▶ what was known before, or busy

The system's resolver cannot be interrupted: a thread whose name servers do not answer hangs for up
to a minute. So each user and each domain has only some of the threads.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from asyncio import Future
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult

from scheduler.webhooks.errors import BusyError, UnansweredError, UncallableError

LOOKUP_S: Final = 5.0
"""How long a call waits for its name; the time of the call itself begins after that."""
LOOKUPS_MAX: Final = 32
"""Threads of a node."""
PER_USER_MAX: Final = 4
PER_DOMAIN_MAX: Final = 8
"""Threads for the names that end in the same two labels."""
FRESH_S: Final = 30.0
"""For how long a name is not looked up again."""
KNOWN_MAX: Final = 1000
"""Names whose addresses are remembered, for the case that they cannot be looked up."""

LookUp = Callable[[str], Sequence[str]]


def system_addresses(host: str) -> Sequence[str]:
    """The addresses of a host, in the order in which they are to be tried; blocks.

    Raises:
        OSError: there are none.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class _Running(NamedTuple):
    """A look-up that is under way."""

    answer: Future[Sequence[str]]
    until: float
    """How long calls wait for it; the thread may take longer."""


class _Known(NamedTuple):
    """The addresses of a name."""

    addresses: Sequence[str]
    fresh_until: float


class Resolver:
    """The addresses of hosts."""

    def __init__(self, look_up: LookUp = system_addresses) -> None:
        """`look_up` runs in a thread, and may block for as long as it likes."""
        self._look_up = look_up
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._running: dict[str, _Running] = {}
        self._shares = Counter[str]()
        """How many look-ups are under way for each user and each domain."""

    def known(self, host: str) -> Sequence[str]:
        """The addresses that a host had last; none for an unknown one."""
        found = self._known.get(_name(host))
        return found.addresses if found else ()

    async def addresses(self, host: str, *, user: str) -> Sequence[str]:
        """The addresses of a host, for a call of this user's hook; at least one.

        Raises:
            BusyError: it cannot be looked up now.
            UncallableError: it has none.
        """
        if is_address(host):
            return [host]
        name = _name(host)
        known = self._known.get(name)
        if known and asyncio.get_running_loop().time() < known.fresh_until:
            return known.addresses
        try:
            return await self._looked_up(name, user)
        except (BusyError, UnansweredError):
            if known:
                return known.addresses
            raise

    async def _looked_up(self, name: str, user: str) -> Sequence[str]:
        running = self._running.get(name) or self._begin(name, user)
        try:
            async with asyncio.timeout_at(running.until):
                return await asyncio.shield(running.answer)
        except TimeoutError:
            reason = f"{name}: no name server answers within {LOOKUP_S:g} s"
            raise UnansweredError(reason) from None
        except (OSError, ValueError) as error:  # ValueError: a label that is too long
            raise UncallableError(f"{name}: {error}") from error

    def _begin(self, name: str, user: str) -> _Running:
        """Look a name up in a thread, which does not keep the node from exiting."""
        loop = asyncio.get_running_loop()
        shares = (f"user {user}", f"domain {'.'.join(name.split('.')[-2:])}")
        if self._is_busy(*shares):
            raise BusyError(f"{name} cannot be looked up now: too many others do not answer")
        self._shares.update(shares)
        self._running[name] = running = _Running(loop.create_future(), loop.time() + LOOKUP_S)

        def work() -> None:
            found: Sequence[str] | Exception
            try:
                found = self._look_up(name)
            except Exception as error:  # noqa: BLE001 - the calls that wait get it
                found = error
            with suppress(RuntimeError):  # the loop is closed: the node has ended meanwhile
                loop.call_soon_threadsafe(self._end, name, shares, found)

        threading.Thread(target=work, name="look up a hook", daemon=True).start()
        return running

    def _is_busy(self, user: str, domain: str) -> bool:
        return (
            len(self._running) >= LOOKUPS_MAX
            or self._shares[user] >= PER_USER_MAX
            or self._shares[domain] >= PER_DOMAIN_MAX
        )

    def _end(self, name: str, shares: Sequence[str], found: Sequence[str] | Exception) -> None:
        self._shares.subtract(shares)
        self._shares += Counter()  # without those that are 0
        answer = self._running.pop(name).answer
        if isinstance(found, Exception):
            answer.set_exception(found)
            answer.exception()  # nobody may wait any more: that is no error of ours
            return
        answer.set_result(found)
        fresh_until = asyncio.get_running_loop().time() + FRESH_S
        self._known[name] = _Known(found, fresh_until)
        self._known.move_to_end(name)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


class KnownAddresses(AbstractResolver):
    """Gives aiohttp what the resolver found before the call: its own time is for the call alone."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See `AbstractResolver`."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_family(address),
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._resolver.known(host)
            if family in {socket.AF_UNSPEC, _family(address)}
        ]

    async def close(self) -> None:
        """Nothing is open."""


def is_address(host: str) -> bool:
    """Whether a host is an address, which needs no look-up."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _name(host: str) -> str:
    """A name in the one spelling in which it is looked up and counted."""
    return host.lower().rstrip(".")
