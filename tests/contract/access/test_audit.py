"""What the port `AuditLog` promises, and that a record is there exactly where its deed is."""

# ruff: noqa: ANN401 - fields have any type

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scheduler.basics.clock import id_before
from scheduler.core.access.audit import Action, AuditFilter, AuditRecord
from scheduler.core.access.principal import ActorKind, Role
from scheduler.core.access.session import Session, digest, new_text
from scheduler.core.access.token import Token, new_secret
from scheduler.core.errors import StoreRefused
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.support.stores import AT, end, later, new, node

ALL = AuditFilter()
_numbers = count(1)


@pytest.fixture(name="url", params=["sqlite", "postgres", "memory"])
def url_fixture(request: pytest.FixtureRequest) -> str:
    """The URL of a store; "memory" for the fake that other tests use."""
    url: str = request.param
    return request.getfixturevalue("postgres_url") if url == "postgres" else url


@pytest.fixture(name="store")
async def store_fixture(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    if url == "memory":
        yield MemoryStore()
        return
    async with open_store(url, data_dir=tmp_path) as store:
        yield store


def record(*, at: datetime = AT, **fields: Any) -> AuditRecord:
    """A record that is not stored yet; its id is of its time."""
    usual: dict[str, Any] = {
        "id": f"{id_before(at)[:-12]}{next(_numbers):012x}",
        "at": at,
        "action": Action.ABORT,
        "actor": "web",
        "actor_kind": ActorKind.TOKEN,
        "token_id": "3f0c9a1b7d24",
        "role": Role.USER,
        "client": "10.0.0.9",
        "detail": {},
    }
    return AuditRecord(**usual | fields)


async def stored(store: Store) -> list[AuditRecord]:
    return list(await store.audit.page(ALL, limit=100))


async def test_a_record_comes_back_as_it_was_stored(store: Store) -> None:
    """Each field answers a question of whoever looks into what has happened."""
    full = record(uid="ada", target="x", count=3, detail={"reason": "wrong ☃", "children": True})
    bare = record(
        actor=None,
        actor_kind=None,
        token_id=None,
        role=None,
        client=None,
        action="of a later version",
    )
    await store.audit.add([full, bare])
    assert await stored(store) == [bare, full]


async def test_a_record_that_is_stored_again_counts_further(store: Store) -> None:
    """An abort of thousands of jobs is one record, that grows with each of them."""
    first = record(count=2)
    await store.audit.add([first])
    await store.audit.add([replace(first, count=3, uid="other")])
    assert await stored(store) == [replace(first, count=5)]


async def test_records_are_listed_from_the_newest_on_page_by_page(store: Store) -> None:
    """Whoever follows the pages meets each of them once, also those of one moment."""
    records = [record(at=later(second)) for second in (0, 1, 1, 1, 2)]
    await store.audit.add(records)
    found: list[AuditRecord] = []
    while page := await store.audit.page(ALL, before_id=found[-1].id if found else None, limit=2):
        found += page
    assert found == records[::-1]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (AuditFilter(actor="web"), {0, 1, 2}),
        (AuditFilter(uid="ada"), {0, 2, 3}),
        (AuditFilter(action=Action.LOGIN), {2, 4}),
        (AuditFilter(actor="web", action=Action.ABORT), {0, 1}),
        (AuditFilter(uid="ada", actor="web"), {0, 2}),
        (AuditFilter(uid="ada", actor="web", action=Action.LOGIN), {2}),
        (AuditFilter(since=later(1)), {1, 2, 3, 4}),
        (AuditFilter(before=later(3)), {0, 1, 2}),
        (AuditFilter(since=later(1), before=later(3)), {1, 2}),
        (AuditFilter(uid="ada", since=later(1), before=later(3)), {2}),
        (AuditFilter(actor="web", since=later(2)), {2}),
        (AuditFilter(action=Action.LOGIN, before=later(4)), {2}),
        (AuditFilter(actor="nobody"), set()),
    ],
)
async def test_filters_can_be_combined(store: Store, which: AuditFilter, found: set[int]) -> None:
    """By person, by user, by action, by time; a record that one of them excludes is not there."""
    records = [
        record(at=later(0), uid="ada"),
        record(at=later(1), uid="bob"),
        record(at=later(2), uid="ada", action=Action.LOGIN),
        record(at=later(3), uid="ada", actor="root"),
        record(at=later(4), actor=None, action=Action.LOGIN),
    ]
    await store.audit.add(records)
    page = await store.audit.page(which, limit=100)
    assert [records.index(each) for each in page] == sorted(found, reverse=True)


async def test_old_records_are_deleted_in_steps_the_oldest_first(store: Store) -> None:
    """A step is small, and what is younger stays."""
    records = [record(at=later(second)) for second in range(5)]
    await store.audit.add(records)
    assert await store.audit.delete(before=later(3), limit=2) == 2
    assert await stored(store) == records[:1:-1]
    assert await store.audit.delete(before=later(3), limit=2) == 1
    assert await store.audit.delete(before=later(3), limit=2) == 0
    assert await stored(store) == records[:2:-1]


async def test_an_abort_is_recorded_where_it_takes_effect(store: Store) -> None:
    """Queued, running, or with a shorter grace period; not a second time, and not when it ended."""
    queued, running, ended = [new() for _ in range(3)]
    await store.insert([queued, running, ended])
    await store.register(node())
    claims = await store.claim([running.id, ended.id], node_id="a1", at=AT)
    (done,) = [each for each in claims if each.id == ended.id]
    await store.settle([end(done)])

    async def abort(job_id: str, uid: str = "u1", grace_s: float | None = None) -> AuditRecord:
        made = record(target=job_id)
        await store.request_abort(
            job_id, uid=uid, by="web", reason=None, grace_s=grace_s, at=AT, audit=[made]
        )
        return made

    expected = [await abort(queued.id), await abort(running.id), await abort(running.id, grace_s=1)]
    for job_id, uid in ((queued.id, "u1"), (running.id, "u1"), (ended.id, "u1"), ("x", "u1")):
        await abort(job_id, uid)
    await abort(queued.id, "another")
    assert await stored(store) == expected[::-1]


async def test_aborts_that_share_a_record_are_counted_in_it(store: Store) -> None:
    """However many are requested at once."""
    jobs = [new() for _ in range(30)]
    await store.insert(jobs)
    shared = record(action=Action.ABORT_ALL)
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            abort = store.request_abort(
                job.id, uid="u1", by=None, reason=None, grace_s=None, at=AT, audit=[shared]
            )
            group.create_task(abort)
    assert await stored(store) == [replace(shared, count=30)]


async def test_a_submission_is_recorded_where_the_jobs_are_stored(store: Store) -> None:
    """Its repetition by the same key stores nothing, and so is no second record."""
    first, second = record(action=Action.SUBMIT), record(action=Action.SUBMIT)
    await store.insert([new(key="k", fingerprint="f")], audit=[first])
    assert not (await store.insert([new(key="k", fingerprint="f")], audit=[second])).created
    assert await stored(store) == [first]


@pytest.mark.parametrize("repeated", [[], [record()]], ids=["all new", "one repeated"])
async def test_submissions_at_once_keep_their_records(
    store: Store, repeated: list[AuditRecord]
) -> None:
    """They share a statement, and one that only repeats another must not take theirs."""
    await store.insert([new(key="k", fingerprint="f")])
    records = [record(action=Action.SUBMIT) for _ in range(10)]
    async with asyncio.TaskGroup() as group:
        for each in repeated:
            group.create_task(store.insert([new(key="k", fingerprint="f")], audit=[each]))
        for each in records:
            group.create_task(store.insert([new()], audit=[each]))
    assert {each.id for each in await stored(store)} == {each.id for each in records}


def token() -> Token:
    secret = new_secret()
    return Token(
        id=secret.id,
        digest=secret.digest,
        name="web",
        role=Role.USER,
        uids=("ada",),
        created_at=AT,
        created_by=None,
        expires_at=None,
    )


async def test_a_token_is_recorded_when_it_is_made_and_when_it_is_revoked(store: Store) -> None:
    """Once each: who makes or revokes it again changes nothing."""
    made, tokens = token(), store.tokens
    records = [record() for _ in range(5)]
    await tokens.add(made, audit=[records[0]])
    await tokens.add(made, audit=[records[1]])
    await tokens.revoke(made.id, at=AT, audit=[records[2]])
    await tokens.revoke(made.id, at=AT, audit=[records[3]])
    await tokens.revoke("0" * 12, at=AT, audit=[records[4]])
    assert await stored(store) == [records[2], records[0]]


async def test_a_session_is_recorded_when_it_begins_and_when_it_is_ended(store: Store) -> None:
    """A logout without a session is none, also where others have ended by themselves."""
    made, tokens = token(), store.tokens
    await tokens.add(made)
    old, fresh = [
        Session(digest=digest(new_text()), token_id=made.id, created_at=at, used_at=at)
        for at in (AT - timedelta(days=30), AT)
    ]
    records = [record() for _ in range(4)]
    await tokens.add_session(fresh, audit=[records[0]])
    await tokens.add_session(old)
    await tokens.end_session(digest("x"), at=AT, audit=[records[1]])
    await tokens.end_session(fresh.digest, at=AT, audit=[records[2]])
    await tokens.end_session(fresh.digest, at=AT, audit=[records[3]])
    assert await stored(store) == [records[2], records[0]]


JOB = new()
DEEDS: dict[str, Callable[[Store, Token, AuditRecord], Any]] = {
    "abort": lambda store, _, made: store.request_abort(
        JOB.id, uid="u1", by=None, reason=None, grace_s=None, at=AT, audit=[made]
    ),
    "submit": lambda store, _, made: store.insert([new("u2")], audit=[made]),
    "create": lambda store, _, made: store.tokens.add(token(), audit=[made]),
    "revoke": lambda store, there, made: store.tokens.revoke(there.id, at=AT, audit=[made]),
    "login": lambda store, there, made: store.tokens.add_session(
        Session(digest=digest("s"), token_id=there.id, created_at=AT, used_at=AT), audit=[made]
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_deed_whose_record_cannot_be_stored_does_not_take_effect(
    store: Store, deed: str
) -> None:
    """Nobody does something that the audit log does not tell."""
    if isinstance(store, MemoryStore):
        pytest.skip("it takes every record")
    there = token()
    await store.tokens.add(there)
    await store.insert([JOB])
    with pytest.raises(StoreRefused):
        await DEEDS[deed](store, there, record(count=0))
    assert await store.abort_of(JOB.id) is None
    assert await store.page("u2", limit=1, bytes_max=0) == []
    assert list(await store.tokens.page(limit=10)) == [there]
    assert await store.tokens.sessions([digest("s")]) == []
    assert await stored(store) == []
