"""One try of a call: a POST without redirects, without cookies, and with a short timeout."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from scheduler import __version__
from scheduler.core.job import Job
from scheduler.core.webhook import HookCall
from scheduler.webhooks import message, signature
from scheduler.webhooks.addresses import callable_of, guarded
from scheduler.webhooks.errors import UncallableError
from scheduler.webhooks.resolver import KnownAddresses, Resolver
from scheduler.webhooks.retry_after import retry_after_s

TRY_S: Final = 15.0
"""How long a try may take: the Standard Webhooks specification asks for 15 to 30 seconds."""
REASON_CHARS_MAX: Final = 300
"""How much operators see of the reason why there was no response."""
UNCALLABLE: Final = (
    "the host has no address that may be called: it is unknown,"
    " or not public and not in [hooks] allow"
)


class TryResult(NamedTuple):
    """What came of a try."""

    code: int | None
    """The HTTP status, or None if there was no response."""
    text: str
    """The status, or why there was no response, as users see it: whoever may name a host must not
    learn from it which addresses the host has, or what is there."""
    details: str = ""
    """What the operator sees besides."""
    retry_after_s: float | None = None
    """How long the receiver asks us to wait before the next try."""


@asynccontextmanager
async def open_caller(
    keys: Sequence[bytes], allow: Collection[IPv4Network | IPv6Network], resolver: Resolver
) -> AsyncIterator[Caller]:
    """A caller whose connections are closed when the block ends."""
    # No limit of connections here: a try that waited for one would use up its timeout. `Delivery`
    # has the limits.
    connector = aiohttp.TCPConnector(
        socket_factory=guarded(allow),
        limit=0,
        resolver=KnownAddresses(resolver),
        use_dns_cache=False,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TRY_S),
        headers={"User-Agent": f"AtlanScheduler/{__version__}"},
        trust_env=False,  # a proxy would connect to addresses that are refused here
    ) as session:
        yield Caller(session, keys, allow, resolver)


class Caller:
    """Calls hooks. Made by `open_caller`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        keys: Sequence[bytes],
        allow: Collection[IPv4Network | IPv6Network],
        resolver: Resolver,
    ) -> None:
        self._session = session
        self._keys = keys
        self._allow = allow
        self._resolver = resolver

    async def address(self, job: Job) -> str:
        """The address that a job's hook leads to, however the hook spells it.

        Raises:
            BusyError: its host cannot be looked up now.
            UncallableError: it has no address that may be called.
        """
        try:
            host = URL(job.hook or "").raw_host
        except ValueError as error:
            raise UncallableError(str(error)) from error
        if not host:
            raise UncallableError("the hook names no host")
        return callable_of(await self._resolver.addresses(host, user=job.uid), self._allow)

    async def call(self, call: HookCall, job: Job, *, at: datetime) -> TryResult:
        """POST a call to its job's hook, whose address was looked up."""
        assert job.hook is not None  # noqa: S101 - only a job that has a hook has calls
        body = message.body(call, job)
        signed = signature.headers(call.id, body, at=at, keys=self._keys)
        try:
            async with self._session.post(
                job.hook,
                data=body,
                headers={**message.headers(call, job), **signed},
                allow_redirects=False,
            ) as response:
                code, header = response.status, response.headers.get("Retry-After")
                wait_s = retry_after_s(code, header, at=at)
                return TryResult(code, str(code), retry_after_s=wait_s)
        except TimeoutError:
            return TryResult(None, f"no answer within {TRY_S:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failed(error)


def failed(error: Exception) -> TryResult:
    """The result of a try that got no response."""
    details = (str(error) or type(error).__name__)[:REASON_CHARS_MAX]
    match error, error.__cause__:
        case (UncallableError(), _) | (_, UncallableError()):
            return TryResult(None, UNCALLABLE, details)
        case (aiohttp.ClientSSLError() | ssl.SSLError(), _):
            return TryResult(None, "no connection by TLS with a valid certificate", details)
        case (aiohttp.ClientConnectionError() | OSError(), _):
            return TryResult(None, "no connection, or it ended without an answer", details)
        case _:
            return TryResult(None, "no valid answer", details)
