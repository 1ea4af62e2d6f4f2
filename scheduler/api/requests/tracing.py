"""The trace that a request belongs to, from its `traceparent` header.

Source: W3C Trace Context, <https://www.w3.org/TR/trace-context/>. An invalid header is ignored:
tracing must never break a request.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

TRACEPARENT: Final = "traceparent"
_VALID: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?",
    re.ASCII,
)
_BYTES_MAX: Final = 256
"""A later version of the header may be longer; only the fields of version 00 are kept."""


def traceparent(request: web.Request) -> str | None:
    """The request's traceparent, in the form of version 00; None where it has no valid one."""
    given = request.headers.getall(TRACEPARENT, [])
    if len(given) != 1 or len(given[0]) > _BYTES_MAX:
        return None
    found = _VALID.fullmatch(given[0].strip())
    if found is None or (found[1] == "00" and found[2] is not None):
        return None
    return f"00{found[0][2:55]}"
