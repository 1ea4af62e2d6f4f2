"""What PostgreSQL's errors mean: who can correct them, and which are worth another try."""

from __future__ import annotations

from collections.abc import Iterator
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
_UNAVAILABLE: Final = (
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
    except _UNAVAILABLE as error:
        reason = str(error) or type(error).__name__
        raise StoreUnavailable(f"PostgreSQL at {where}: {reason}") from error


@contextmanager
def startable(where: str) -> Iterator[None]:
    """Turn the errors that the operator can correct into `StartError`.

    Raises:
        StartError: the URL, the user, the password, the database or its permissions are wrong.
    """
    try:
        yield
    except ValueError as error:
        # Its own text may quote a part of the password.
        raise StartError(
            f"[store] url = {where!r}: not a valid URL; is a character in it to be escaped?"
        ) from error
    except _WRONG as error:
        raise StartError(f"[store] url = {where!r}: {error}") from error
