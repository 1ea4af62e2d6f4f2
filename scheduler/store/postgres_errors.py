"""What PostgreSQL's errors mean: who can correct them, and which are worth another try."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from scheduler.core.errors import StartError, StoreUnavailable

LOST_AGAINST_ANOTHER: Final = (
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.UniqueViolationError,
)
"""Rolled back by others: deadlocks, and inserts of a key that another one stored; try again."""
_WRONG: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
_SETTING: Final = (
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.CantChangeRuntimeParamError,
)
UNAVAILABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    *LOST_AGAINST_ANOTHER,
)


@contextmanager
def available(where: str) -> Iterator[None]:
    """Turn the errors of a server that cannot serve us now into `StoreUnavailable`.

    Raises:
        StoreUnavailable: it cannot serve us now; all other errors are defects of ours.
    """
    try:
        yield
    except asyncpg.DataError:
        # It is an `InterfaceError`, too, but waiting does not help.
        raise
    except UNAVAILABLE as error:
        raise StoreUnavailable(f"PostgreSQL at {where}: {_line(error)}") from error


@contextmanager
def startable(where: str) -> Iterator[None]:
    """Turn the errors that the operator can correct into `StartError`.

    Raises:
        StartError: the URL, the user, the password, the database or its permissions are wrong.
    """
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise StartError(
            f"[store] url = {where!r}: the server's certificate is not trusted: {_line(error)};"
            " sslrootcert names the CA to trust"
        ) from error
    except ValueError as error:  # of asyncpg or the resolver, neither of which has the password
        raise StartError(
            f"[store] url = {where!r}: the name of a host, or a variable PG… in the environment, is"
            f" wrong: {_line(error)}"
        ) from error
    except (ConnectionError, *_WRONG) as error:
        if not isinstance(_reason(error), _WRONG):
            raise
        raise StartError(f"[store] url = {where!r}: {_line(error)}") from error


@contextmanager
def settable(where: str, hint: Callable[[], str]) -> Iterator[None]:
    """Turn the refusal of a setting that a connection asks for into `StartError`.

    Raises:
        StartError: the server does not know the setting or its value, or the role may not set it.
    """
    try:
        yield
    except (ConnectionError, asyncpg.ProtocolViolationError) as error:
        # PgBouncer refuses an "unsupported startup parameter", as a violation of the protocol.
        if not isinstance(_reason(error), _SETTING) and "startup parameter" not in str(error):
            raise
        raise StartError(f"[store] url = {where!r}: {_line(error)}; {hint()}") from error


def _reason(error: Exception) -> BaseException | None:
    """What the server said, where `connect` made a lost connection of it."""
    return error.__cause__ if isinstance(error, ConnectionError) else error


def _line(error: Exception) -> str:
    """An error on one line; PostgreSQL's details and hints stand on lines of their own."""
    return " ".join(str(error).split()) or type(error).__name__
