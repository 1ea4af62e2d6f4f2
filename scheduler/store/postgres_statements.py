"""Prepared statements of PostgreSQL that also work where a pooler shares its connections.

By name, a statement is parsed and planned once for a connection. Behind a pooler in transaction
mode, such as PgBouncer, each transaction may use another connection of the server, where the name
is missing, or taken by another client.

    named      until the server says for the first time that a name is missing or taken
    unnamed    from then on: each execution brings its text along, in the same message

A name has a digest of the text in it. Else it could be the name of another node's statement, and
that one would run with our arguments, without an error.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from itertools import count
from typing import Any, Final

import asyncpg
import structlog

log = structlog.get_logger()

NAME_MISSING_OR_TAKEN: Final = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
)
"""Nothing was executed: the statement may run again."""
DIGEST_BYTES: Final = 12


class StatementNames:
    """Whether the statements of one pool of connections have names, and which."""

    def __init__(self) -> None:
        self.used = False
        """Set once the start is over: it must work behind a pooler, too, and prepares little."""
        self._numbers = count()

    def shared(self) -> None:
        """Note that others share the names: from now on, use none."""
        if self.used:
            log.warning(
                "a pooler shares the connections of the store: statements are not kept prepared"
            )
        self.used = False

    def new(self, text: str) -> str:
        """A name for a statement, unique in this process; without names, the empty one."""
        if not self.used:
            return ""
        return f"scheduler_{digest(text)}_{next(self._numbers)}"


@cache
def digest(text: str) -> str:
    """What names a text, in a few characters."""
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def connections(names: StatementNames) -> type[Any]:
    """The class of connections whose statements have these names."""

    class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
        """A connection that prepares statements by the rules of this module."""

        async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:  # noqa: ANN401
            options["named"] = options.get("named") or names.new(query)
            statement = await super()._get_statement(query, timeout, **options)
            if statement.name and not names.used:
                self._drop_local_statement_cache()
                options["named"] = ""
                statement = await super()._get_statement(query, timeout, **options)
            if not statement.name:
                # The unnamed statement of the server is by now another one: send the text again.
                statement.mark_unprepared()
            return statement

    return Connection
