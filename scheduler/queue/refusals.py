"""What the errors of redis-py say: who failed, for how long, and in which words to tell it."""

from __future__ import annotations

import os
import re
from typing import Final

from redis.exceptions import (
    AskError,
    ClusterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as NoReply

LOST: Final = (ConnectionLost, NoReply, TimeoutError, OSError)

NONSENSE: Final = (RedisError, TypeError, ValueError, LookupError, AttributeError)
"""What redis-py and the code behind it raise for an answer that makes no sense to them."""

_NOT_HERE: Final = (ReadOnlyError, AskError, TryAgainError, ClusterDownError)
"""Answers of a server that is not, or not now, the one that takes our writes. (`MOVED` is a kind of
`AskError`, and `MASTERDOWN` one of `ClusterDownError`.)"""
_NOT_HERE_CODES: Final = frozenset({"NOREPLICAS", "UNBLOCKED"})
"""The same, where redis-py has no class for them."""
_NOT_NOW_CODES: Final = frozenset({"BUSY", "MISCONF"})

_CONNECTING: Final = re.compile(
    r"Error (?P<number>-?\d+) connecting to (?P<address>\S+)\. (?P<reason>.+?)\.?"
)
"""What redis-py says of a server that it cannot connect to."""

SHOWN_MAX: Final = 300
"""Characters of an answer in a message: anybody who can write there may have put in more."""


def is_not_here(error: ResponseError) -> bool:
    """Whether another server may be the one that takes our writes."""
    return isinstance(error, _NOT_HERE) or _code(error) in _NOT_HERE_CODES


def may_pass(error: BaseException) -> bool:
    """Whether an error may be over in a moment: a server that starts, stops or changes its role."""
    if isinstance(error, ResponseError):
        return is_not_here(error) or _code(error) in _NOT_NOW_CODES
    return isinstance(error, LOST)


def told(error: ResponseError) -> str:
    """The server's answer, with the code that redis-py removes: without it, some say nothing."""
    return str(error) if error.status_code in {None, "ERR"} else f"{error.status_code} {error}"


def why_lost(error: BaseException, where: str) -> str:
    """What the loss of a connection says, without the address where `where` has it already."""
    found = _CONNECTING.fullmatch(str(error))
    if found is None or found["address"] not in where:
        return str(error)
    number = int(found["number"])
    return os.strerror(number) if number > 0 else found["reason"]


def line(text: str) -> str:
    """The text as one printable line."""
    shown = "".join(each if each.isprintable() else "?" for each in text[:SHOWN_MAX])
    return shown if len(text) <= SHOWN_MAX else f"{shown}…"


def _code(error: ResponseError) -> str:
    """The first word of the server's answer; redis-py removes it where it has a class for it."""
    return error.status_code or str(error).partition(" ")[0]
