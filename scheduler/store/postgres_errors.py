"""What PostgreSQL's errors mean: whose they are to mend, and what is worth another try."""

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
"""Rolled back: deadlocks, and inserts of a key that another one stored first; look again."""
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
def available(place: str) -> Iterator[None]:
    """Tell what the server cannot do now from what we did wrong.

    Raises:
        StoreUnavailable: it cannot do it now.
    """
    try:
        yield
    except asyncpg.DataError:
        # An `InterfaceError` as well, but of the kind that no waiting mends.
        raise
    except _UNAVAILABLE as error:
        reason = str(error) or type(error).__name__
        raise StoreUnavailable(f"PostgreSQL at {place}: {reason}") from error


@contextmanager
def startable(place: str) -> Iterator[None]:
    """Tell what the person who starts the node can mend.

    Raises:
        StartError: the URL, the user, the password, the database or its permissions.
    """
    try:
        yield
    except ValueError as error:
        # Its own text may quote a part of the password.
        raise StartError(
            f"[store] url = {place!r}: not a valid URL; is a character in it to be escaped?"
        ) from error
    except _WRONG as error:
        raise StartError(f"[store] url = {place!r}: {error}") from error
