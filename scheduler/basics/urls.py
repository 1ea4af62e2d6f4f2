"""URLs: without their passwords, for messages and logs; and as this machine reaches them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_USERINFO: Final = re.compile(r"(://[^:/?#]*):.*@", re.DOTALL)
"""Greedy up to the last `@`, so that a password with an unescaped `@` is hidden whole."""
_PARAMETER: Final = re.compile(r"([?&]\w*(?:pas+w|secret|_key|token)\w*=)[^&#]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """The URL with `***` for every password; any other text comes back as it is."""
    return _PARAMETER.sub(r"\1***", _USERINFO.sub(r"\1:***@", url))


def local(urls: Sequence[str]) -> str:
    """The URL by which this machine reaches a server that listens at these, perhaps everywhere.

    By IPv4 if it can: where IPv6 is switched off, a server may listen on `::` and ::1 be absent.
    """
    url = next((url for url in urls if "//[" not in url), urls[0])
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
