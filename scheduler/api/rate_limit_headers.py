"""The headers `RateLimit-Policy` and `RateLimit`: what a user may submit, and what is left of it.

As draft-ietf-httpapi-ratelimit-headers has them, in structured fields (RFC 9651):

    RateLimit-Policy: "submit";q=10;w=1, "queued";q=100
    RateLimit: "submit";r=3;t=1, "queued";r=40

The quota of `queued` has no window: it is free again as jobs are started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scheduler.core.errors import Standing


def rate_limit_headers(standings: Iterable[Standing]) -> dict[str, str]:
    """The headers for how a user stands; none where no limit is known."""
    known = tuple(standings)
    if not known:
        return {}
    return {
        "RateLimit-Policy": ", ".join("".join(_policy(each)) for each in known),
        "RateLimit": ", ".join("".join(_rest(each)) for each in known),
    }


def _policy(standing: Standing) -> Iterator[str]:
    yield f'"{standing.policy}";q={standing.limit}'
    if standing.window_s is not None:
        yield f";w={standing.window_s}"


def _rest(standing: Standing) -> Iterator[str]:
    yield f'"{standing.policy}";r={max(0, standing.limit - standing.used)}'
    if standing.resets_s is not None:
        yield f";t={standing.resets_s}"
