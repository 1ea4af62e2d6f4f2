"""The audit log over HTTP: each deed is in it, with who did it and from where."""

# ruff: noqa: ANN401 - records have any type

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from ipaddress import ip_network
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.basics.background import background
from scheduler.core.access.audit import Action
from scheduler.core.access.principal import EVERYBODY, Role
from scheduler.core.access.token import new_secret
from scheduler.service.access.failed_logins import RECORDS_MAX, FailedLogins
from scheduler.service.access.tokens import NewToken, Tokens
from tests.unit.api.conftest import COOKIE, Api, Response, build

PROXY = "127.0.0.1/32"


class Audited(Api):
    """A node in mode `tokens`, and a token of each kind."""

    tokens: Tokens
    failed_logins: FailedLogins
    admin: NewToken
    web: NewToken
    """Of a web app: role `user` for all."""

    async def made(self, role: Role, *uids: str) -> NewToken:
        return await self.tokens.create(
            EVERYBODY, name=f"the {role}", role=role, uids=uids, expires_at=None
        )

    async def as_(self, who: NewToken, method: str, path: str, **fields: Any) -> Response:
        headers = {"Authorization": f"Bearer {who.secret.text}", **fields.pop("headers", {})}
        return await self.ask(method, path, headers=headers, **fields)

    async def submitted(self, who: NewToken, uid: str = "ada", **fields: Any) -> str:
        answer = await self.as_(who, "POST", "/", json={"uid": uid, "task": "task1", **fields})
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    async def login(self, token: str, **headers: str) -> Response:
        return await self.ask("POST", "/-/login", json={"token": token}, headers=headers)

    async def records(self, query: str = "") -> list[dict[str, Any]]:
        """The records of all but the tokens of this test, newest first."""
        answer = await self.as_(self.admin, "GET", f"/-/audit?limit=1000{query}")
        assert answer.status == 200, answer.text
        return [each for each in answer.json if each["action"] != Action.CREATE_TOKEN]


@pytest.fixture(name="audited")
async def audited_fixture(aiohttp_client: AiohttpClient) -> AsyncIterator[Audited]:
    parts = build(lambda by_token: by_token, proxies=[ip_network(PROXY)])
    access = parts.access
    async with background(
        looks=parts.looks.run(), tokens=access.tokens.run(), sessions=access.sessions.run()
    ):
        client = await aiohttp_client(parts.app)
        audited = Audited(client, parts.store, parts.queue, parts.clock, parts.draining)
        audited.tokens, audited.failed_logins = access.tokens, access.failed_logins
        audited.admin = await audited.made(Role.ADMIN, "*")
        audited.web = await audited.made(Role.USER, "*")
        yield audited


async def test_a_token_that_is_made_or_revoked_is_told_without_its_secret(
    audited: Audited,
) -> None:
    """Whoever reads the log must not be able to use what it tells of."""
    order = {"name": "ci", "role": "user", "uids": ["ada", "team-a.*"]}
    made = (await audited.as_(audited.admin, "POST", "/-/tokens", json=order)).json
    await audited.as_(audited.admin, "DELETE", f"/-/tokens/{made['id']}")
    answer = await audited.as_(audited.admin, "GET", "/-/audit?limit=2")
    revoked, created = answer.json
    assert (revoked["action"], created["action"]) == ("revoke_token", "create_token")
    for each in (revoked, created):
        assert (each["actor"], each["token_id"]) == ("the admin", audited.admin.token.id)
        assert (each["role"], each["client"], each["target"]) == ("admin", "127.0.0.1", made["id"])
    assert created["detail"] == order
    secret = made["token"].rpartition("_")[2]
    assert secret not in answer.text
    assert made["token"] not in answer.text


async def test_an_abort_is_told_with_its_reason(audited: Audited) -> None:
    """Once: to ask again changes nothing, and so is no deed."""
    job_id = await audited.submitted(audited.web, data={"secret": "x" * 40})
    for _ in range(2):
        await audited.as_(audited.web, "DELETE", f"/ada/{job_id}?reason=wrong")
    (record,) = await audited.records()
    assert (record["action"], record["uid"], record["target"]) == ("abort", "ada", job_id)
    assert (record["actor"], record["role"], record["count"]) == ("the user", "user", 1)
    assert record["detail"] == {"reason": "wrong"}


async def test_the_abort_of_a_job_that_another_one_replaces_is_told(audited: Audited) -> None:
    """Whoever replaces a job aborts it, though by no request of its own."""
    keyed: Any = {"unique": {"key": "k", "on_conflict": "replace"}}
    first = await audited.submitted(audited.web, **keyed)
    assert await audited.records() == []
    second = await audited.submitted(audited.web, **keyed)
    (record,) = await audited.records()
    assert (record["action"], record["uid"], record["target"]) == ("abort", "ada", first)
    assert (record["actor"], record["role"], record["count"]) == ("the user", "user", 1)
    assert record["detail"] == {"reason": f"replaced by {second}"}


async def test_an_abort_with_children_is_one_record_that_counts_them(audited: Audited) -> None:
    """Whoever reads sees one deed, and how far it went."""
    parent = await audited.submitted(audited.web)
    for _ in range(3):
        await audited.submitted(audited.web, parent=parent)
    await audited.as_(audited.web, "DELETE", f"/ada/{parent}?children=true")
    (record,) = await audited.records()
    assert (record["target"], record["count"]) == (parent, 4)
    assert record["detail"] == {"children": True}


async def test_an_abort_of_all_that_match_is_one_record(audited: Audited) -> None:
    """With the filter, and the number of jobs; nothing where none matched."""
    for _ in range(5):
        await audited.submitted(audited.web)
    await audited.as_(audited.web, "DELETE", "/ada?status=running")
    await audited.as_(audited.web, "DELETE", "/ada?status=queued&task=task1")
    (record,) = await audited.records()
    assert (record["action"], record["uid"], record["target"]) == ("abort_all", "ada", None)
    assert (record["count"], record["detail"]) == (5, {"status": ["queued"], "task": "task1"})


async def test_what_an_admin_submits_for_others_is_told(audited: Audited) -> None:
    """One record for each user of a request, however many jobs it has."""
    wanted = [("a", "task1"), ("a", "task2"), ("b", "task1")]
    jobs = [{"uid": uid, "task": task} for uid, task in wanted]
    answer = await audited.as_(audited.admin, "POST", "/", json=jobs)
    of_b, of_a = sorted(await audited.records(), key=lambda each: each["count"])
    assert (of_a["uid"], of_a["count"], of_a["target"]) == ("a", 2, None)
    assert (of_b["uid"], of_b["count"], of_b["target"]) == ("b", 1, answer.json[2]["id"])
    assert (of_a["action"], of_a["detail"]) == ("submit", {"tasks": ["task1", "task2"]})


async def test_what_is_submitted_twice_is_told_once(audited: Audited) -> None:
    """The repetition by its key stores nothing."""
    for _ in range(2):
        await audited.as_(
            audited.admin,
            "POST",
            "/",
            json={"uid": "ada", "task": "task1"},
            headers={"Idempotency-Key": "k"},
        )
    assert len(await audited.records()) == 1


@pytest.mark.parametrize(
    ("role", "uids", "told"),
    [
        (Role.USER, ["*"], 0),
        (Role.USER, ["a*"], 0),
        (Role.OPERATOR, ["ada"], 0),
        (Role.OPERATOR, ["a*"], 1),
        (Role.OPERATOR, ["bob"], 1),
        (Role.ADMIN, ["*"], 1),
    ],
)
async def test_a_submission_for_ones_own_users_is_not_told(
    audited: Audited, role: Role, uids: list[str], told: int
) -> None:
    """A web app would write a record with each job; and each job says who submitted it."""
    await audited.submitted(await audited.made(role, *uids))
    assert len(await audited.records()) == told


async def test_a_login_and_a_logout_are_told(audited: Audited) -> None:
    """With the name of the token; a second logout is none."""
    cookie = SimpleCookie((await audited.login(audited.web.secret.text)).headers["Set-Cookie"])
    headers = {"Cookie": f"{COOKIE}={cookie[COOKIE].value}", "Sec-Fetch-Site": "same-origin"}
    for _ in range(2):
        await audited.ask("POST", "/-/logout", headers=headers)
    records = await audited.records()
    told = [(each["action"], each["actor"], each["token_id"]) for each in records]
    who = ("the user", audited.web.token.id)
    assert told == [("logout", *who), ("login", *who)]
    assert [each["actor_kind"] for each in records] == ["session", "token"]


async def test_failed_logins_are_told_in_few_records(audited: Audited) -> None:
    """An attacker must not be able to fill the store; how many there were is not lost."""
    wrong = new_secret()
    for text in (wrong.text, wrong.text, wrong.text, "nonsense"):
        assert (await audited.login(text)).status == 401
    at_once = await audited.records()
    assert [(each["target"], each["count"]) for each in at_once] == [(None, 1), (wrong.id, 1)]
    await audited.failed_logins.write()
    later = await audited.records()
    assert [(each["target"], each["count"]) for each in later] == [(None, 1), (wrong.id, 3)]
    for each in later:
        assert (each["action"], each["actor"], each["role"]) == ("login_failed", None, None)
        assert each["client"] == "127.0.0.1"
    assert wrong.secret not in str(later)


async def test_failed_logins_with_ever_new_tokens_share_a_record(audited: Audited) -> None:
    """Else each invented id would be a row."""
    for _ in range(RECORDS_MAX + 30):
        await audited.failed_logins.note("10.0.0.9", new_secret().id)
    await audited.failed_logins.write()
    records = await audited.records()
    assert len(records) == RECORDS_MAX + 1
    assert [each["count"] for each in records if each["client"] is None] == [30]


async def test_failed_logins_while_the_store_is_away_change_no_answer(audited: Audited) -> None:
    """They are counted, and told once it is back."""
    audited.store.away = True
    await audited.failed_logins.note("10.0.0.9", None)
    audited.store.away = False
    await audited.failed_logins.write()
    assert [each["count"] for each in await audited.records()] == [1]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
async def test_the_client_behind_a_proxy_is_told(
    audited: Audited, forwarded: str, client: str
) -> None:
    """By what the proxy itself has written, never by what the client claims."""
    job_id = await audited.submitted(audited.web)
    headers = {"X-Forwarded-For": forwarded}
    await audited.as_(audited.web, "DELETE", f"/ada/{job_id}", headers=headers)
    (record,) = await audited.records()
    assert record["client"] == client


async def test_who_is_no_proxy_is_not_believed(aiohttp_client: AiohttpClient) -> None:
    """Else everybody could sign with the address of another."""
    parts = build(proxies=[ip_network("10.0.0.0/8")])
    client = await aiohttp_client(parts.app)
    api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
    order = {"name": "ci", "role": "user", "uids": ["ada"]}
    await api.ask("POST", "/-/tokens", json=order, headers={"X-Forwarded-For": "203.0.113.9"})
    (record,) = (await api.get("/-/audit")).json
    assert (record["client"], record["actor"]) == ("127.0.0.1", None)


async def test_aborts_and_submissions_of_nobody_are_not_told(
    aiohttp_client: AiohttpClient,
) -> None:
    """In mode `none` such a record would say nothing, and it is not free."""
    parts = build()
    client = await aiohttp_client(parts.app)
    api = Api(client, parts.store, parts.queue, parts.clock, parts.draining)
    await api.delete(f"/u1/{await api.submit()}?children=true")
    await api.submit()
    await api.delete("/u1")
    assert (await api.get("/-/audit")).json == []


async def test_the_log_is_paged_as_other_lists_are(audited: Audited) -> None:
    """By the Link header, which keeps the filter."""
    ids = [await audited.submitted(audited.web) for _ in range(5)]
    for job_id in ids:
        await audited.as_(audited.web, "DELETE", f"/ada/{job_id}")
    found: list[str] = []
    path: str | None = "/-/audit?action=abort&limit=2"
    while path:
        answer = await audited.as_(audited.admin, "GET", path)
        found += [each["target"] for each in answer.json]
        link = answer.headers.get("Link")
        path = f"/-/audit{link[1:].partition('>')[0]}" if link else None
    assert found == ids[::-1]


async def test_filters_select_records(audited: Audited) -> None:
    """By who did it, for whom, what, and when."""
    for uid in ("ada", "bob"):
        await audited.as_(
            audited.admin, "DELETE", f"/{uid}/{await audited.submitted(audited.web, uid)}"
        )
    now = audited.clock.now().isoformat().replace("+00:00", "Z")
    assert {each["uid"] for each in await audited.records("&uid=bob")} == {"bob"}
    assert await audited.records("&actor=the%20user") == []
    assert len(await audited.records("&actor=the%20admin&action=abort")) == 2
    assert await audited.records(f"&before={now}") == []
    assert len(await audited.records(f"&since={now}&uid=ada")) == 1


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("action=aborted", "action"),
        ("since=yesterday", "since"),
        ("before=2026-01-01T00:00:00", "before"),
        ("since=0001-01-01T00:00:00%2B05:00", "since"),
        ("limit=0", "limit"),
        ("after=x", "after"),
        ("who=ada", "who"),
    ],
)
async def test_a_wrong_filter_is_named(audited: Audited, query: str, wrong: str) -> None:
    """With what is allowed."""
    answer = await audited.as_(audited.admin, "GET", f"/-/audit?{query}")
    assert "allowed" in answer.flaws[wrong]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER, Role.OPERATOR])
async def test_nobody_but_an_admin_reads_it(audited: Audited, role: Role) -> None:
    """It tells of everybody."""
    answer = await audited.as_(await audited.made(role, "*"), "GET", "/-/audit")
    assert answer.status == 403
