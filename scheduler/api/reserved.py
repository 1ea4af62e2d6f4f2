"""Words that look like paths of the node, and so are no uids.

A health check of `/health` would otherwise be answered with the empty list of a user named so, and
would stay green for ever. And an abort of the job `/../ada`, as browsers and proxies send it, would
be one of all of Ada's jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
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
STEPS: Final = frozenset({".", ".."})
"""What clients and proxies take for a step in a path (RFC 3986, section 5.2.4), and leave out."""


BELOW: Final[Mapping[str, str]] = {
    "": "/-/ui/",
    "dashboard": "/-/ui/",
    "live": "/-/health",
    **{word: path for word, path in RESERVED.items() if path},
}
"""Words below `/-/` that are taken for paths of the node, and the path that is meant."""
WORD_MAX: Final = 40
"""Longer paths are no slips of the pen."""


def path_meant(path: str, paths: Collection[str]) -> str | None:
    """Which of these paths is meant by one below `/-/` that is not there; None where none is."""
    if path != "/-" and not path.startswith("/-/"):
        return None
    word = path[3:].strip("/").lower()
    if word in BELOW:
        return BELOW[word]
    words = {each.removeprefix("/-/").strip("/"): each for each in paths}
    near = get_close_matches(word, words, n=1) if len(word) <= WORD_MAX else []
    return words[near[0]] if near else None


def why_reserved(word: str, *, path_prefix: str = "") -> str:
    """Why this word is no uid, and which path is meant, below the prefix of a proxy."""
    if word in STEPS:
        return f"no user can be named {word!r}, since that is easily taken for a step in a path"
    path = RESERVED[word]
    why = f"no user can be named {word!r}, since that is easily taken for a path of the node"
    return f"{why}; did you mean {path_prefix}{path}?" if path else why
