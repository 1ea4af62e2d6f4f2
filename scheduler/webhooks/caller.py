"""One try of a call: a POST without redirects, without cookies, and with a short timeout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

import aiohttp

from scheduler import __version__
from scheduler.core.job import Job
from scheduler.core.webhook import HookCall
from scheduler.webhooks import message, signature
from scheduler.webhooks.addresses import AddressRefusedError, guarded

TRY_S: Final = 15.0
"""How long a try may take: the Standard Webhooks specification asks for 15 to 30 seconds."""
REASON_CHARS_MAX: Final = 300
"""How much users see of the reason why there was no response."""


class TryResult(NamedTuple):
    """What came of a try."""

    code: int | None
    """The HTTP status, or None if there was no response."""
    text: str
    """The status, or why there was no response, as users see it."""


@asynccontextmanager
async def open_caller(
    keys: Sequence[bytes], allow: Collection[IPv4Network | IPv6Network]
) -> AsyncIterator[Caller]:
    """A caller whose connections are closed when the block ends."""
    # No limit of connections here: a try that waited for one would use up its timeout. `Delivery`
    # has the limits.
    connector = aiohttp.TCPConnector(socket_factory=guarded(allow), limit=0)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TRY_S),
        headers={"User-Agent": f"AtlanScheduler/{__version__}"},
        trust_env=False,  # a proxy would connect to addresses that are refused here
    ) as session:
        yield Caller(session, keys)


class Caller:
    """Calls hooks. Made by `open_caller`."""

    def __init__(self, session: aiohttp.ClientSession, keys: Sequence[bytes]) -> None:
        self._session = session
        self._keys = keys

    async def call(self, call: HookCall, job: Job, *, at: datetime) -> TryResult:
        """POST a call to its job's hook."""
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
                return TryResult(response.status, str(response.status))
        except TimeoutError:
            return TryResult(None, f"no answer within {TRY_S:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return TryResult(None, _reason(error)[:REASON_CHARS_MAX])


def _reason(error: Exception) -> str:
    """Why there was no response. For a refused address, the reason alone: no connection failed."""
    cause = error.__cause__
    if isinstance(cause, AddressRefusedError):
        return str(cause.strerror)
    return str(error) or type(error).__name__
