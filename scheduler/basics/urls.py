"""URLs of stores and queues, without their passwords, for messages and logs."""

from __future__ import annotations

import re
from typing import Final

_USERINFO: Final = re.compile(r"(://[^:/@?#]*):.*@", re.DOTALL)
"""Greedy up to the last `@`, so that a password with an unescaped `@` is hidden whole."""
_PARAMETER: Final = re.compile(r"([?&]\w*password=)[^&#]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """The URL with `***` for every password; any other text comes back as it is."""
    return _PARAMETER.sub(r"\1***", _USERINFO.sub(r"\1:***@", url))
