"""What PostgreSQL's errors mean: whose fault they are, and which are worth another try.

    at the start    LASTING: the operator corrects something    all others: it is waited for
    while running   refused: the values of one call             all others: an outage

What is not listed never ends the node: a server, a pooler or an extension may send any code.
The classes of codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from typing import Final

import asyncpg

from scheduler.core.errors import SchedulerError, StartError, StoreUnavailable
from scheduler.store.database import reason

LOST_AGAINST_ANOTHER: Final = (
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.UniqueViolationError,
)
"""Rolled back by others: deadlocks, and inserts of a key that another one stored; try again."""
_SETTING: Final = (
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.CantChangeRuntimeParamError,
)
"""Refusals of a setting that a connection asks for."""
_IDLE_TOO_LONG: Final = (
    asyncpg.exceptions.IdleSessionTimeoutError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
)
_OF_DRIVER: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
_NOT_SENT: Final = ("connection is closed", "cannot switch to state")
"""What the driver says where it sends nothing on a connection that has ended."""
_REFUSED: Final = ("22", "23", "54")
"""Values that are wrong, break a constraint, or are too large."""
_PASSING: Final = ("08", "25", "40", "53", "55", "57", "58", "XX")
"""Classes of a server that may serve us in a moment: it starts, fails over, is full or locked."""
_IN_DOUBT: Final = ("08", "25", "57", "58", "XX")
"""Classes of a server that ends, fails, or is not the primary any more."""
_LASTING_WORDS: Final = (
    "unsupported startup parameter",
    "transaction blocks not allowed",
    "no such database",
    "no such user",
)
"""Of PgBouncer, which has one code, 08P01, for all its errors."""


def refused(error: Exception) -> bool:
    """Whether the values of a call are at fault, so that other calls are not affected."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return False
    return isinstance(error, asyncpg.DataError) or _class(error) in _REFUSED


def doubtful(error: Exception) -> bool:
    """Whether the connection, and others to the same server, may be of no use any more."""
    if isinstance(error, asyncpg.DataError):
        return False
    return not isinstance(error, asyncpg.PostgresError) or _class(error) in _IN_DOUBT


@contextmanager
def bounded(table: str | None) -> Iterator[None]:
    """Say which table is locked where something has had its lock for too long.

    Raises:
        StoreUnavailable: something has.
    """
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise StoreUnavailable(
            f"a transaction that uses the table {table} has been open for too long; nothing was"
            " changed: try again"
        ) from error


def came_too_late(error: Exception) -> bool:
    """Whether the session had ended before the statement reached it, which never ran.

    The server ends sessions that are idle for long (57P05), also within a transaction (25P03), of
    which nothing has taken effect then. asyncpg tells of that as the cause; where it has read that
    before, it says that it sends nothing.
    """
    told = (error, error.__cause__, error.__context__)
    if any(isinstance(each, _IDLE_TOO_LONG) for each in told):
        return True
    return isinstance(error, _OF_DRIVER) and any(words in str(error) for words in _NOT_SENT)


@contextmanager
def startable(where: str) -> Iterator[None]:
    """Turn the errors for which waiting does not help into `StartError`.

    Raises:
        StartError: the operator has to correct something, in the configuration or on the server.
    """
    try:
        yield
    except SchedulerError:
        raise
    except Exception as error:
        if (why := _lasting(error)) is not None:
            raise StartError(f"[store] url = {where!r}: {why}") from error
        raise


def _lasting(error: Exception) -> str | None:
    """What the operator has to correct; None where it may pass by itself."""
    said = reason(error)
    if isinstance(error, SSLCertVerificationError):
        return f"the server's certificate is not trusted: {said}; sslrootcert names the CA to trust"
    if isinstance(error, ValueError):  # of asyncpg or the resolver: no password
        return f"the name of a host, or a variable PG… in the environment, is wrong: {said}"
    if any(words in said for words in _LASTING_WORDS):
        return said
    if isinstance(error, asyncpg.PostgresError):
        return None if _class(error) in _PASSING else said
    return said if isinstance(error, asyncpg.UnsupportedServerFeatureError) else None


@contextmanager
def settable(where: str, hint: Callable[[], str]) -> Iterator[None]:
    """Turn the refusal of a setting that a connection asks for into `StartError`.

    Raises:
        StartError: the server does not know the setting or its value, or the role may not set it.
    """
    try:
        yield
    except _SETTING as error:
        raise StartError(f"[store] url = {where!r}: {reason(error)}; {hint()}") from error
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" in str(error):  # so PgBouncer says it
            raise StartError(f"[store] url = {where!r}: {reason(error)}; {hint()}") from error
        raise


def _class(error: Exception) -> str:
    """The first two characters of a server's code; empty where the server sent none."""
    return str(getattr(error, "sqlstate", None) or "")[:2]
