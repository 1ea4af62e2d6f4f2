"""The whole table of who may do what, on real stores: each operation, for everybody.

The table is that of `tests/unit/api/access/test_rights.py`, which fails where an operation of the
OpenAPI document is missing in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.token import new_secret
from scheduler.core.ports.store import Store
from scheduler.store.database import LoggedDatabase
from tests.unit.api.access.test_rights import (
    EVERY,
    FOREIGN,
    OWN,
    ROLES,
    Operation,
    Town,
    a_town,
)

NONE = "019ab000-0000-7000-8000-ffffffffffff"
"""The id of no job."""
BETWEEN_S = 60.0
"""Between two tries that fail: else there are too many of them from one address (429)."""
WITHOUT_FORCE = ("anonymous", "unknown", "expired", "revoked")


@pytest.fixture(name="town")
async def town_fixture(aiohttp_client: AiohttpClient, store: Store) -> AsyncIterator[Town]:
    async with a_town(aiohttp_client, store) as town:
        yield town


@pytest.fixture(name="statements")
def statements_fixture(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the store runs from now on."""
    ran: list[str] = []
    for name in [each for each in vars(LoggedDatabase) if each.startswith("fetch")]:
        fetch = getattr(LoggedDatabase, name)

        async def counted(self: Any, *arguments: Any, fetch: Any = fetch) -> Any:  # noqa: ANN401
            ran.append(str(arguments[0]))
            return await fetch(self, *arguments)

        monkeypatch.setattr(LoggedDatabase, name, counted)
    return ran


def wanted(operation: Operation, caller: str, uid: str) -> int | None:
    """The status of the refusal; None where it is served."""
    if operation.least is None:
        return None
    if caller in WITHOUT_FORCE:
        return 401
    if ROLES.index(Role(caller)) < ROLES.index(operation.least):
        return 403
    if caller in {Role.OPERATOR, Role.ADMIN}:  # for all users, whomever the token names
        return None
    return 403 if operation.whole else operation.foreign if uid == FOREIGN else None


async def callers(town: Town) -> dict[str, str | None]:
    """What each of them brings."""
    expired = await town.token(Role.ADMIN, "*", expires_at=town.api.clock.now())
    revoked = await town.token(Role.ADMIN, "*")
    await town.tokens.revoke(EVERYBODY, revoked.split("_")[1])
    without = dict(zip(WITHOUT_FORCE, (None, new_secret().text, expired, revoked), strict=True))
    expires_at = town.api.clock.now() + timedelta(hours=1)
    roles: dict[str, str | None] = {
        str(role): await town.token(role, OWN, "team-a.*", expires_at=expires_at) for role in Role
    }
    return roles | without


def cells() -> Iterator[tuple[str, Operation, str]]:
    """Every operation about every user."""
    for name, operation in EVERY.items():
        for uid in (OWN, FOREIGN):
            yield name, operation, uid


async def test_everybody_gets_what_the_table_says(town: Town) -> None:
    """Anonymous, expired, revoked, each role; own and foreign, in one place."""
    wrong = []
    for caller, token in (await callers(town)).items():
        for name, operation, uid in cells():
            if caller in WITHOUT_FORCE:
                town.api.clock.advance(BETWEEN_S)
            answer = await town.ask(operation, token, uid)
            refused = answer.status in {401, 403} or (answer.status == 404 and name in FOUND)
            got = answer.status if refused and name != "login" else None
            if got != wanted(operation, caller, uid):
                wrong.append(f"{caller} {name} {uid}: {answer.status} {answer.text[:100]}")
    assert wrong == []


FOUND = {name for name, each in EVERY.items() if each.foreign == 404}
"""The operations of a job: for those who may not see it, it is not there."""


@pytest.mark.parametrize("name", sorted(FOUND))
async def test_a_foreign_job_costs_and_shows_what_none_does(
    statements: list[str], town: Town, name: str
) -> None:
    """Neither by status, headers or body, nor by time: the store is not even asked."""
    token = await town.token(Role.USER, OWN)
    await town.ask(EVERY["list_tasks"], token)  # the token is known from now on
    known, seen = town.jobs[FOREIGN], []
    for job_id in (known, NONE):
        statements.clear()
        town.jobs[FOREIGN] = job_id
        answer = await town.ask(EVERY[name], token, FOREIGN)
        headers = sorted((key, each) for key, each in answer.headers.items() if key != "Date")
        text = answer.text.replace(job_id, "ID")
        seen.append((answer.status, headers, text, tuple(statements)))
    assert seen[0] == seen[1]
    assert seen[0][0] == 404
    assert seen[0][-1] == ()
    town.jobs[FOREIGN] = known
    operator = await town.token(Role.OPERATOR, OWN)
    await town.ask(EVERY[name], operator, FOREIGN)
    assert statements, "who may see it asks the store"
