"""Words that look like paths of the node, and so are no uids.

A health check of `/health` would otherwise be answered with the empty list of a user named so, and
would stay green for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RESERVED: Final[Mapping[str, str | None]] = {
    "metrics": "/-/metrics",
    "health": "/-/health",
    "healthz": "/-/health",
    "livez": "/-/health",
    "ready": "/-/ready",
    "readyz": "/-/ready",
    "docs": "/-/docs",
    "openapi.json": "/-/openapi.json",
    "favicon.ico": "/-/ui/icons/atlan.svg",
    "robots.txt": None,
}
"""Each word, and the path that is meant; None where a node has nothing of the kind."""


def why_reserved(word: str, *, path_prefix: str = "") -> str:
    """Why this word is no uid, and which path is meant, below the prefix of a proxy."""
    path = RESERVED[word]
    why = f"no user can be named {word!r}, since that is easily taken for a path of the node"
    return f"{why}; did you mean {path_prefix}{path}?" if path else why
