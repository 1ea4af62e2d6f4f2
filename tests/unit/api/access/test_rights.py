"""Every operation, for everybody who may ask: the one table of who may do what."""

# ruff: noqa: ANN401 - bodies have any type

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientPayloadError
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.access.gate import Gate
from scheduler.api.access.job_tokens import JobTokens
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.token import new_secret
from scheduler.core.errors import StoreUnavailable
from scheduler.core.schedules.schedule import Overlap, ScheduleKey
from scheduler.service.access.tokens import Tokens
from tests.contract.schedules.making import plan, schedule
from tests.support.eventually import eventually
from tests.unit.api.conftest import DOCUMENT, Api, Response, build

OWN, FOREIGN = "ada", "bob"


class Operation(NamedTuple):
    """What an operation needs, and what it answers about another user."""

    method: str
    path: str
    least: Role | None
    """The least role; None: nobody is asked for a token."""
    foreign: int | None = None
    """The status for another user's; None where it concerns no user."""
    body: Any = None
    whole: bool = False
    """Whether it concerns the jobs of all users: then a token for some of them does not do."""


def job(uid: str = "{uid}") -> Any:
    return {"uid": uid, "task": "task1"}


OPERATIONS = {
    "submit": Operation("POST", "/", Role.USER, 403, job()),
    "abort_ordered": Operation("DELETE", "/", Role.USER, 404, {"uid": "{uid}", "id": "{id}"}),
    "list_jobs": Operation("GET", "/{uid}", Role.VIEWER, 403),
    "list_all_jobs": Operation("GET", "/-/jobs?uid={uid}", Role.VIEWER, 403),
    "get_usage": Operation("GET", "/-/usage/{uid}", Role.VIEWER, 403),
    "get_group": Operation("GET", "/-/groups/{uid}/nightly", Role.VIEWER, 403),
    "abort_jobs": Operation("DELETE", "/{uid}", Role.USER, 403),
    "get_job": Operation("GET", "/{uid}/{id}", Role.VIEWER, 404),
    "change_job": Operation("PATCH", "/{uid}/{id}", Role.USER, 404, {"priority": 1}),
    "abort_job": Operation("DELETE", "/{uid}/{id}", Role.USER, 404),
    "rerun_job": Operation("POST", "/{uid}/{id}/rerun", Role.USER, 404),
    "rerun_jobs": Operation("POST", "/-/reruns", Role.USER, 403, {"uid": "{uid}", "limit": 9}),
    "list_hook_calls": Operation("GET", "/{uid}/{id}/hooks", Role.VIEWER, 404),
    "follow_job": Operation("HEAD", "/{uid}/{id}/events", Role.VIEWER, 404),
    "read_log": Operation("GET", "/{uid}/{id}/log", Role.VIEWER, 404),
    "follow_jobs": Operation("HEAD", "/-/events?uid={uid}", Role.VIEWER, 403),
    "health": Operation("GET", "/-/health", None),
    "ready": Operation("GET", "/-/ready", None),
    "list_tasks": Operation("GET", "/-/tasks", Role.VIEWER),
    "list_nodes": Operation("GET", "/-/nodes", Role.OPERATOR),
    "put_pause": Operation("PUT", "/-/pauses/task/task1", Role.OPERATOR, body={}),
    "list_pauses": Operation("GET", "/-/pauses", Role.OPERATOR),
    "end_pause": Operation("DELETE", "/-/pauses/task/task1", Role.OPERATOR),
    "put_schedule": Operation(
        "PUT", "/-/schedules/{uid}/hourly", Role.USER, 403, {"task": "task1", "every_s": 3600}
    ),
    "delete_schedule": Operation("DELETE", "/-/schedules/{uid}/hourly", Role.USER, 404),
    "get_schedule": Operation("GET", "/-/schedules/{uid}/nightly", Role.VIEWER, 404),
    "list_schedules": Operation("GET", "/-/schedules?uid={uid}", Role.VIEWER, 403),
    "run_schedule": Operation("POST", "/-/schedules/{uid}/nightly/run", Role.USER, 404),
    "backfill_schedule": Operation(
        "POST",
        "/-/schedules/{uid}/nightly/backfill",
        Role.USER,
        404,
        {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    ),
    "preview_schedule": Operation(
        "POST", "/-/schedules/preview", Role.VIEWER, body={"every_s": 3600}
    ),
    "login": Operation("POST", "/-/login", None, body={"token": "x"}),
    "logout": Operation("POST", "/-/logout", None),
    "create_token": Operation(
        "POST", "/-/tokens", Role.ADMIN, body={"name": "n", "role": "viewer", "uids": ["ada"]}
    ),
    "list_tokens": Operation("GET", "/-/tokens", Role.ADMIN),
    "revoke_token": Operation("DELETE", "/-/tokens/000000000000", Role.ADMIN),
    "list_audit": Operation("GET", "/-/audit?uid={uid}", Role.ADMIN),
    "metrics": Operation("GET", "/-/metrics", Role.OPERATOR),
    "openapi": Operation("GET", "/-/openapi.json", Role.VIEWER),
    "docs": Operation("GET", "/-/docs", Role.VIEWER),
    "page": Operation("GET", "/-/ui/", None),
}
"""By the id of the operation in the OpenAPI document."""
OTHERS = {
    "events of all": Operation("HEAD", "/-/events", Role.VIEWER, whole=True),
    "data/me": Operation("GET", "/-/ui/data/me", Role.VIEWER),
    "data/overview": Operation("GET", "/-/ui/data/overview", Role.VIEWER, whole=True),
    "data/samples": Operation("GET", "/-/ui/data/samples", Role.VIEWER, whole=True),
    "schedules of all": Operation("GET", "/-/schedules", Role.VIEWER, whole=True),
    "jobs of all": Operation("GET", "/-/jobs", Role.VIEWER, whole=True),
    "data/unfinished": Operation("GET", "/-/ui/data/unfinished?uid={uid}", Role.USER, 403),
    "data/unfinished of all": Operation("GET", "/-/ui/data/unfinished", Role.USER, whole=True),
    "reruns of all": Operation("POST", "/-/reruns", Role.USER, body={"limit": 9}, whole=True),
    "data/calendar": Operation("GET", "/-/ui/data/calendar?uid={uid}", Role.VIEWER, 403),
    "data/calendar of all": Operation("GET", "/-/ui/data/calendar", Role.VIEWER, whole=True),
    "data/job": Operation("GET", "/-/ui/data/job?uid={uid}&id={id}", Role.VIEWER, 404),
    "data/find": Operation("GET", "/-/ui/data/find?id={id}", Role.VIEWER),
    "data/nodes": Operation("GET", "/-/ui/data/nodes", Role.OPERATOR),
}
"""What is not in the document, and the same operations for all users."""
EVERY = {**OPERATIONS, **OTHERS}
ABOUT_A_JOB = [
    name
    for name, each in EVERY.items()
    if each.foreign == 404 and "{id}" in f"{each.path} {each.body}"
]
ROLES = list(Role)


@dataclass
class Town:
    """A node in mode `tokens`, a job of each of two users, and tokens."""

    api: Api
    tokens: Tokens
    job_tokens: JobTokens
    gate: Gate
    jobs: dict[str, str] = field(default_factory=dict)

    async def token(self, role: Role, *uids: str, **fields: Any) -> str:
        """The text of a new token."""
        usual = {"name": f"the {role}", "expires_at": None}
        made = await self.tokens.create(EVERYBODY, role=role, uids=uids, **{**usual, **fields})
        return made.secret.text

    async def ask(self, operation: Operation, token: str | None, uid: str = OWN) -> Response:
        """Send the operation, about a user."""
        path, body = self._filled(operation, uid)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.api.ask(operation.method, path, json=body, headers=headers)

    def _filled(self, operation: Operation, uid: str) -> tuple[str, Any]:
        names = {"{uid}": uid, "{id}": self.jobs[uid]}

        def filled(text: Any) -> Any:
            for name, value in names.items():
                text = text.replace(name, value) if isinstance(text, str) else text
            return text

        body = operation.body
        whole = {key: filled(each) for key, each in body.items()} if body else body
        return filled(operation.path), whole


@asynccontextmanager
async def a_town(
    aiohttp_client: AiohttpClient, store: Any = None, *, open_metrics: bool = False
) -> AsyncIterator[Town]:
    """A town on the fake store, or on a real one."""
    parts = build(lambda by_token: by_token, store=store, open_metrics=open_metrics)
    jobs = parts.access.job_tokens
    assert jobs is not None
    async with background(
        looks=parts.looks.run(),
        changes=parts.change_feed.run(),  # without it, a stream begins after two seconds
        tokens=parts.access.tokens.run(),
        jobs=jobs.run(),
    ):
        client = await aiohttp_client(parts.app)
        api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
        town = Town(api, parts.access.tokens, jobs, parts.access.gate)
        admin = await town.token(Role.ADMIN, "*")
        for uid in (OWN, FOREIGN):
            answer = await api.post(job(uid), Authorization=f"Bearer {admin}")
            town.jobs[uid] = answer.json["id"]
            for name in ("nightly", "hourly"):
                key, allowed = ScheduleKey(uid, name), plan(overlap=Overlap.ALLOW)
                made = schedule(allowed, key=key, id=f"{uid}-{name}")
                await parts.store.schedules.put(made, revision=None)
        yield town


@pytest.fixture(name="town")
async def town_fixture(
    aiohttp_client: AiohttpClient, request: pytest.FixtureRequest
) -> AsyncIterator[Town]:
    """A parameter says whether the metrics are open."""
    async with a_town(aiohttp_client, open_metrics=getattr(request, "param", False)) as town:
        yield town


def test_every_operation_is_in_the_table() -> None:
    """One that is forgotten here is not tested, and may be open to all."""
    described = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert set(described) == set(OPERATIONS)


@pytest.mark.parametrize("name", EVERY)
async def test_nobody_is_served_without_a_token_that_has_force(town: Town, name: str) -> None:
    """Anonymous, unknown, expired, revoked and malformed: all get the same 401."""
    operation = EVERY[name]
    expired = await town.token(Role.ADMIN, "*", expires_at=town.api.clock.now())
    revoked = await town.token(Role.ADMIN, "*")
    await town.tokens.revoke(EVERYBODY, revoked.split("_")[1])
    for token in (None, new_secret().text, expired, revoked, "nonsense", ""):
        answer = await town.ask(operation, token)
        if operation.least is None:
            assert answer.status == (401 if name == "login" else 200)  # by what it brings
        else:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            kind = "urn:atlanscheduler:problem:unauthenticated"
            assert operation.method == "HEAD" or answer.json["type"] == kind


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", EVERY)
async def test_each_role_does_what_the_table_says(town: Town, name: str, role: Role) -> None:
    """For its own user; one who acts for a user sees nothing that concerns all."""
    operation = EVERY[name]
    answer = await town.ask(operation, await town.token(role, OWN, "team-a.*"))
    may = operation.least is None or ROLES.index(role) >= ROLES.index(operation.least)
    if operation.whole and role in (Role.VIEWER, Role.USER):
        may = False
    if may:
        assert answer.status not in ({403} if name == "login" else {401, 403}), answer.text
    else:
        assert answer.status == 403


@pytest.mark.parametrize("town", [True], indirect=True)
@pytest.mark.parametrize("name", EVERY)
async def test_open_metrics_need_no_token_and_all_else_does(town: Town, name: str) -> None:
    """`[auth] metrics = "open"`: a Prometheus that cannot bring a token, and nobody else."""
    operation = EVERY[name]
    if name == "metrics":
        revoked = await town.token(Role.VIEWER, OWN)
        await town.tokens.revoke(EVERYBODY, revoked.split("_")[1])
        for token in (None, "nonsense", revoked, await town.token(Role.VIEWER, OWN)):
            assert (await town.ask(operation, token)).status == 200
        document = (await town.ask(EVERY["openapi"], await town.token(Role.VIEWER, OWN))).json
        assert document["paths"]["/-/metrics"]["get"]["security"] == []
    elif operation.least is not None:
        assert (await town.ask(operation, None)).status == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
@pytest.mark.parametrize("name", [name for name, each in EVERY.items() if each.foreign])
async def test_what_is_another_users_is_refused(town: Town, name: str, role: Role) -> None:
    """A job looks as if it were not there; a list or an order says that it is not allowed."""
    operation = EVERY[name]
    answer = await town.ask(operation, await town.token(role, OWN, "team-a.*"), FOREIGN)
    assert operation.least is not None
    may = ROLES.index(role) >= ROLES.index(operation.least)
    assert answer.status == (operation.foreign if may else 403)


@pytest.mark.parametrize("name", [name for name, each in EVERY.items() if each.foreign])
async def test_an_operator_acts_for_everybody(town: Town, name: str) -> None:
    """Whatever users its token names."""
    answer = await town.ask(EVERY[name], await town.token(Role.OPERATOR, OWN), FOREIGN)
    assert answer.status not in (401, 403, 404), answer.text


@pytest.mark.parametrize("name", [name for name, each in EVERY.items() if each.foreign == 404])
async def test_a_job_of_another_user_cannot_be_told_from_none(
    town: Town, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, header and body are the same, and the store is asked for neither."""
    token = await town.token(Role.USER, OWN)
    there = await town.ask(EVERY[name], token, FOREIGN)
    town.api.store.away = True
    known = town.jobs[FOREIGN]
    answers = []
    for job_id in (known, "019ab000-0000-7000-8000-ffffffffffff"):
        monkeypatch.setitem(town.jobs, FOREIGN, job_id)
        answer = await town.ask(EVERY[name], token, FOREIGN)
        headers = {key: value for key, value in answer.headers.items() if key != "Date"}
        answers.append((answer.status, headers, answer.text.replace(job_id, "ID")))
    assert answers[0] == answers[1]
    assert there.status == answers[0][0] == 404


@pytest.mark.parametrize("name", ABOUT_A_JOB)
async def test_a_job_of_another_user_is_not_read_under_ones_own_name(
    town: Town, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte that is read and then not shown would tell by its time that it is there."""
    found: list[object] = []
    get = town.api.store.get

    async def noting(job_id: str, *, uid: str | None = None) -> object:
        found.append(await get(job_id, uid=uid))
        return found[-1]

    monkeypatch.setattr(town.api.store, "get", noting)
    monkeypatch.setitem(town.jobs, OWN, town.jobs[FOREIGN])
    answer = await town.ask(EVERY[name], await town.token(Role.USER, OWN), OWN)
    assert answer.status == 404
    assert set(found) <= {None}


async def test_only_operators_are_told_where_the_store_is(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address, user and schema are for nobody who could try them."""

    async def get(job_id: str, **_: str) -> None:
        raise StoreUnavailable(f"PostgreSQL at postgresql://db.internal/{job_id}: gone")

    monkeypatch.setattr(town.api.store, "get", get)
    for role in Role:
        answer = await town.ask(EVERY["get_job"], await town.token(role, OWN))
        assert answer.status == 503
        assert ("db.internal" in answer.text) is (role in {Role.OPERATOR, Role.ADMIN})


async def test_who_acts_for_one_user_need_not_name_him(town: Town) -> None:
    """A token of its own for each user is the plain way to use the API."""
    token = {"Authorization": f"Bearer {await town.token(Role.USER, OWN)}"}
    answer = await town.api.post({"task": "task1"}, **token)
    assert (answer.status, answer.json["uid"]) == (202, OWN)
    answer = await town.api.post([{"task": "task1"}, {"uid": OWN, "task": "task2"}], **token)
    assert [each["uid"] for each in answer.json] == [OWN, OWN]
    answer = await town.api.get("/-/jobs", headers=token)
    assert {each["uid"] for each in answer.json} == {OWN}


@pytest.mark.parametrize("uids", [("*",), ("team-a.*",), ("ada", "bob")])
async def test_who_acts_for_several_users_must_name_one(town: Town, uids: tuple[str, ...]) -> None:
    """Which of them is meant cannot be guessed."""
    token = {"Authorization": f"Bearer {await town.token(Role.USER, *uids)}"}
    answer = await town.api.post({"task": "task1"}, **token)
    assert answer.flaws["/uid"].startswith("missing; allowed: ")


@pytest.mark.parametrize(("role", "status"), [(Role.USER, 400), (Role.OPERATOR, 201)])
async def test_only_operators_set_schedules_below_a_minute(
    town: Town, role: Role, status: int
) -> None:
    """Each second a job is a burden for all."""
    token = await town.token(role, OWN if role is Role.USER else "*")
    often = Operation(
        "PUT", "/-/schedules/{uid}/often", None, body={"task": "task1", "every_s": 59}
    )

    answer = await town.ask(often, token)

    assert answer.status == status
    if status == 400:
        assert answer.flaws == {"/every_s": "got 59; allowed: 60 or more; operators may set less"}


async def test_one_job_for_a_foreign_user_refuses_all_of_the_array(town: Town) -> None:
    """All or none, as for every other reason."""
    token = {"Authorization": f"Bearer {await town.token(Role.USER, OWN)}"}
    answer = await town.api.post([job(OWN), job(FOREIGN)], **token)
    assert (answer.status, answer.json["type"]) == (403, "urn:atlanscheduler:problem:forbidden")
    assert "'bob'" in answer.json["detail"]
    assert len(town.api.store.rows) == 2


@pytest.mark.parametrize(
    "path", ["/{uid}/{id}/events", "/-/events?uid={uid}", "/{uid}/{id}/log?follow=true"]
)
async def test_a_stream_ends_when_its_token_loses_its_force(town: Town, path: str) -> None:
    """Else somebody who was shut out could go on reading for days."""
    token = await town.token(Role.VIEWER, OWN)
    url = path.replace("{uid}", OWN).replace("{id}", town.jobs[OWN])
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        background(gate=town.gate.run()),
        asyncio.timeout(20),
        town.api.client.get(url, headers=headers) as answer,
    ):
        assert answer.status == 200
        await town.tokens.revoke(EVERYBODY, token.split("_")[1])
        await town.api.clock.pass_until(lambda: not town.gate._open)
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_a_stream_ends_at_once_where_the_revocation_is_heard(town: Town) -> None:
    """And a forged message, which tells of a token that has its force, ends none."""
    token, other = await town.token(Role.VIEWER, OWN), await town.token(Role.VIEWER, OWN)
    url = f"/{OWN}/{town.jobs[OWN]}/events"
    async with (
        background(gate=town.gate.hear()),
        asyncio.timeout(20),
        town.api.client.get(url, headers={"Authorization": f"Bearer {other}"}) as goes_on,
        town.api.client.get(url, headers={"Authorization": f"Bearer {token}"}) as ends,
    ):
        assert (goes_on.status, ends.status) == (200, 200)
        await town.api.queue.announce_revocation(other.split("_")[1])
        await town.tokens.revoke(EVERYBODY, token.split("_")[1])
        with pytest.raises(ClientPayloadError):
            await ends.read()
        assert len(town.gate._open) == 1


async def test_a_stream_of_a_job_ends_with_the_job_whose_token_it_has(town: Town) -> None:
    """Whoever a handler gave it to must not read on."""
    admin = {"Authorization": f"Bearer {await town.token(Role.ADMIN, '*')}"}
    answer = await town.api.post(job(OWN), **admin)
    claim = await town.api.start(answer.json["id"])
    headers = {"Authorization": f"Bearer {town.job_tokens.text(claim)}"}
    url = f"/{OWN}/{town.jobs[OWN]}/events"
    async with (
        background(gate=town.gate.run()),
        asyncio.timeout(20),
        town.api.client.get(url, headers=headers) as stream,
    ):
        assert stream.status == 200
        await town.api.end(claim)
        await town.api.clock.pass_until(lambda: not town.gate._open)
        with pytest.raises(ClientPayloadError):
            await stream.read()
    assert (await town.api.get(f"/{OWN}", headers=headers)).status == 401


async def test_a_wait_ends_when_its_token_expires(town: Town) -> None:
    """What it waits for is not told to somebody who may not know it any more."""
    expires_at = town.api.clock.now() + timedelta(seconds=3)
    token = await town.token(Role.VIEWER, OWN, expires_at=expires_at)
    path = f"/{OWN}/{town.jobs[OWN]}?wait=60"
    async with background(gate=town.gate.run()), asyncio.timeout(20), asyncio.TaskGroup() as group:
        waits = group.create_task(
            town.api.get(path, headers={"Authorization": f"Bearer {token}"}), name="wait"
        )
        await eventually(lambda: town.gate._open)
        await town.api.clock.pass_until(waits.done)
    assert waits.result().status == 401


async def test_no_body_is_read_before_it_is_known_who_sends_it(town: Town) -> None:
    """Who has no token must not make a node hold megabytes."""
    headers = {"Content-Type": "application/json", "Content-Length": "1000000"}
    answer = await town.api.ask("POST", "/", headers=headers, data=_never())
    assert (answer.status, answer.headers["Connection"]) == (401, "close")


async def _never() -> AsyncIterator[bytes]:
    """A body whose rest never comes: the answer must not wait for it."""
    yield b"["
    await asyncio.Event().wait()
