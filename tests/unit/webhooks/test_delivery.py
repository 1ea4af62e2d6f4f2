"""Delivery from a store in memory to real receivers: when, how often, and what is sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from scheduler.basics.clock import SystemClock
from scheduler.core.job import Claim, Failure, FailureKind, Job, JsonText, Status
from scheduler.core.webhook import CallStatus, HookCall
from scheduler.webhooks import open_hooks
from scheduler.webhooks.caller import UNCALLABLE
from scheduler.webhooks.delivery import PER_RECEIVER_MAX, Delivery
from tests.fakes import MemoryStore
from tests.support.eventually import eventually
from tests.support.job_events import Counting
from tests.support.servers.receiver import Receiver, receiving
from tests.support.stores import abort, claimed, end, new

SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"


@asynccontextmanager
async def delivering(store: MemoryStore, **settings: Any) -> AsyncIterator[Delivery]:  # noqa: ANN401
    defaults = {"secret": "", "allow": [ip_network("127.0.0.0/8")], "give_up_s": 1e9}
    random = Random(1)  # noqa: S311 - spreads tries
    async with open_hooks(
        store=store,
        random=random,
        job_events=Counting(SystemClock()),
        **{**defaults, **settings},
    ) as delivery:
        yield delivery


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def begun(store: MemoryStore, hook: str) -> Claim:
    (job,) = (await store.insert([new(hook=hook)])).jobs
    return await claimed(store, job.id)


async def ended(store: MemoryStore, hook: str) -> str:
    """The id of a job that has ended successfully."""
    claim = await begun(store, hook)
    await store.settle([end(claim)])
    return claim.id


async def settled(store: MemoryStore, job_id: str) -> HookCall:
    """The only call of a job, once it is not due any more."""

    async def of_job() -> HookCall | None:
        (call,) = await store.calls(job_id, limit=10)
        return call if call.status is not CallStatus.DUE else None

    await eventually(of_job, within_s=20, saying="the call is settled")
    (call,) = await store.calls(job_id, limit=10)
    return call


async def test_the_end_of_a_job_is_sent_as_a_summary(
    store: MemoryStore, receiver: Receiver
) -> None:
    """Its data and result may be large or private."""
    async with delivering(store, secret=SECRET):
        job_id = await ended(store, receiver.url)
        (got,) = await receiver.gets(1)
        call = await settled(store, job_id)

    assert set(got.json) == {
        *("id", "uid", "status", "task", "parent", "error", "attempt", "node"),
        *("created_at", "started_at", "finished_at", "abort"),
    }
    assert (got.json["id"], got.json["status"], got.json["error"]) == (job_id, "successful", None)
    assert got.id == job_id
    assert (got.headers["scheduler-event"], got.headers["scheduler-job"]) == (
        "job.ended",
        f"/u1/{job_id}",
    )
    assert got.headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(got.body, dict(got.headers)) == got.json
    assert (call.status, call.tries, call.answer) == (CallStatus.DELIVERED, 1, "204")


async def test_no_jobs_are_read_when_no_call_is_due() -> None:
    """A node without hooks looks once a second, for ever."""

    class Asked(MemoryStore):
        takes = outlined = 0

        async def take_calls(self, **how: Any) -> Sequence[HookCall]:  # noqa: ANN401
            self.takes += 1
            return await super().take_calls(**how)

        async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
            self.outlined += 1
            return await super().outlines(job_ids)

    store = Asked()
    async with delivering(store) as delivery:
        await delivery.finish()
    assert (store.takes > 0, store.outlined) == (True, 0)


async def test_an_error_is_sent_without_its_traceback(
    store: MemoryStore, receiver: Receiver
) -> None:
    error = Failure(
        kind=FailureKind.EXCEPTION, type="ValueError", message="x" * 5000, traceback="secret"
    )
    async with delivering(store):
        claim = await begun(store, receiver.url)
        await store.settle([end(claim, Status.TERMINATED, error=error)])
        (got,) = await receiver.gets(1)

    assert got.json["error"] == {"kind": "exception", "message": "x" * 1000}


async def test_an_abort_is_sent_with_its_receipt(store: MemoryStore, receiver: Receiver) -> None:
    async with delivering(store):
        (job,) = (await store.insert([new(hook=receiver.url)])).jobs
        await abort(store, job.id)
        (got,) = await receiver.gets(1)

    assert (got.json["status"], got.json["abort"]["survivors"]) == ("aborted", 0)
    assert got.json["abort"]["reason"] == "enough"


async def test_the_notification_of_a_handler_is_sent_unchanged(
    store: MemoryStore, receiver: Receiver
) -> None:
    async with delivering(store) as delivery:
        claim = await begun(store, receiver.url)
        await store.add_call(claim, "n1", JsonText('{"page":[1,null]}'), at=claim_time())
        delivery.hint()
        (got,) = await receiver.gets(1)

    assert (got.id, got.json) == ("n1", {"page": [1, None]})
    assert got.headers["scheduler-event"] == "job.notified"


def claim_time() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_failing_receiver_is_called_again_under_the_same_id(
    store: MemoryStore, receiver: Receiver
) -> None:
    """By the id, the receiver recognizes a call that it has had."""
    receiver.answers = [web.Response(status=code) for code in (500, 404)]
    async with delivering(store):
        job_id = await ended(store, receiver.url)
        first, second, third = await receiver.gets(3)
        call = await settled(store, job_id)

    assert first.id == second.id == third.id
    assert first.body == second.body == third.body
    assert (call.status, call.tries, call.answer) == (CallStatus.DELIVERED, 3, "204")


@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_the_clock_of_the_node_does_not_count(receiver: Receiver, ahead_s: float) -> None:
    """That of the store does: all nodes share it, and a receiver looks at the time of a call."""

    def now() -> datetime:
        return datetime.now(UTC) - timedelta(seconds=ahead_s)

    store = MemoryStore(now=now)
    receiver.answers = [web.Response(status=500)]
    async with delivering(store, secret=SECRET):
        job_id = await ended(store, receiver.url)
        (got,) = await receiver.gets(1)
        await eventually(lambda: store.hook_calls[job_id].answer)
        due_at = store.hook_calls[job_id].due_at

    assert due_at is not None
    assert abs(due_at - now()) < timedelta(minutes=1)
    assert abs(float(got.headers["webhook-timestamp"]) - now().timestamp()) < 60


@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_a_call_that_another_node_tries_is_left_to_it(
    receiver: Receiver, ahead_s: float
) -> None:
    store = MemoryStore(now=lambda: datetime.now(UTC) - timedelta(seconds=ahead_s))
    await ended(store, receiver.url)
    assert len(await store.take_calls(limit=1, taken_s=60)) == 1
    async with delivering(store) as delivery:
        await delivery.finish()
    assert receiver.received == []


async def test_a_receiver_that_is_gone_for_good_is_left_alone(
    store: MemoryStore, receiver: Receiver
) -> None:
    receiver.answers = [web.Response(status=410)]
    async with delivering(store):
        call = await settled(store, await ended(store, receiver.url))

    assert (call.status, call.tries, call.answer) == (CallStatus.GIVEN_UP, 1, "410")
    assert len(receiver.received) == 1


async def test_a_redirect_is_not_followed(store: MemoryStore, receiver: Receiver) -> None:
    """It could lead to an address that a hook may not have."""
    receiver.answers = [web.Response(status=307, headers={"Location": receiver.url + "/other"})]
    async with delivering(store, give_up_s=0):
        call = await settled(store, await ended(store, receiver.url))

    assert (call.status, call.answer) == (CallStatus.GIVEN_UP, "307")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_private_address_is_not_called(
    store: MemoryStore, receiver: Receiver, host: str
) -> None:
    """What counts is the address that a name resolves to at the moment of the call."""
    hook = receiver.url.replace("127.0.0.1", host)
    async with delivering(store, give_up_s=0, allow=()):
        call = await settled(store, await ended(store, hook))

    assert (call.status, call.answer) == (CallStatus.GIVEN_UP, UNCALLABLE)
    assert receiver.received == []


@pytest.mark.parametrize(
    ("found", "details"),
    [
        (["10.0.0.1"], "10.0.0.1 is in 10.0.0.0/8"),
        (["fd00::7", "10.0.0.1"], "10.0.0.1 is in 10.0.0.0/8"),
        (OSError("no such name"), "no such name"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
async def test_what_an_internal_name_resolves_to_is_for_the_operator_alone(
    store: MemoryStore, found: list[str] | Exception, details: str
) -> None:
    """Else anybody could list the network: which names there are, and at which addresses."""

    def look_up(_host: str) -> list[str]:
        if isinstance(found, Exception):
            raise found
        return found

    with capture_logs() as logs:
        async with delivering(store, give_up_s=0, allow=(), look_up=look_up):
            call = await settled(store, await ended(store, "http://db.internal/hook"))

    assert call.answer == UNCALLABLE
    (line,) = (line for line in logs if line["event"] == "hook given up")
    assert details in line["answer"]


async def test_why_a_connection_failed_is_for_the_operator_alone(store: MemoryStore) -> None:
    """The error names the address."""
    with capture_logs() as logs:
        async with delivering(store, give_up_s=0, look_up=lambda _: ["127.0.0.1"]):
            call = await settled(store, await ended(store, "http://db.internal:1/hook"))

    assert call.answer == "no connection, or it ended without an answer"
    (line,) = (line for line in logs if line["event"] == "hook given up")
    assert "db.internal:1" in line["answer"]


async def test_a_proxy_from_the_environment_is_not_used(
    store: MemoryStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could connect to addresses that the node refuses."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, receiver.url)
    async with delivering(store, give_up_s=0):
        call = await settled(store, await ended(store, "http://10.0.0.1/hook"))

    assert call.answer == UNCALLABLE
    assert receiver.received == []


async def test_an_unreachable_receiver_is_shown_as_such(store: MemoryStore) -> None:
    async with delivering(store, give_up_s=0):
        call = await settled(store, await ended(store, "http://127.0.0.1:1/hook"))

    assert call.status is CallStatus.GIVEN_UP
    assert call.answer == "no connection, or it ended without an answer"


async def test_many_calls_to_one_receiver_all_arrive(
    store: MemoryStore, receiver: Receiver
) -> None:
    """There are more calls than a node tries at a time."""
    job_ids = {await ended(store, receiver.url) for _ in range(100)}
    async with delivering(store):
        received = await receiver.gets(100)

    assert {got.id for got in received} == job_ids


async def test_a_receiver_that_hangs_keeps_no_other_waiting(
    store: MemoryStore, receiver: Receiver
) -> None:
    """The calls that wait for it do not count as tried."""
    async with receiving() as hanging:
        hanging.answering.clear()
        for _ in range(40):
            await ended(store, hanging.url)
        claim = await begun(store, receiver.url)
        await store.settle([end(claim, ended_s=60)])

        async with delivering(store):
            await receiver.gets(1)
            await hanging.gets(PER_RECEIVER_MAX)
            tries = [call.tries for call in store.hook_calls.values() if call.id != claim.id]
            hanging.answering.set()

    assert sum(tries) == PER_RECEIVER_MAX


async def test_a_store_that_is_away_delays_calls_and_loses_none(
    store: MemoryStore, receiver: Receiver
) -> None:
    await ended(store, receiver.url)
    store.away = True
    async with delivering(store) as delivery:
        await eventually(lambda: not delivery._look.is_set())
        store.away = False
        delivery.hint()
        await receiver.gets(1)


async def test_calls_that_are_due_at_the_end_are_delivered_before_it(
    store: MemoryStore, receiver: Receiver
) -> None:
    """A draining node delivers the calls of its last jobs itself."""
    async with delivering(store):
        job_id = await ended(store, receiver.url)
    assert [got.id for got in receiver.received] == [job_id]


@pytest.mark.parametrize("code", [429, 503])
async def test_a_receiver_that_asks_for_time_gets_it(
    store: MemoryStore, receiver: Receiver, code: int
) -> None:
    """The time is in the store, so a restart does not shorten it."""
    receiver.answers = [web.Response(status=code, headers={"Retry-After": "120"})]
    async with delivering(store):
        job_id = await ended(store, receiver.url)
        await receiver.gets(1)
        await eventually(lambda: store.hook_calls[job_id].answer)
    async with delivering(store):
        pass
    (call,) = await store.calls(job_id, limit=10)
    assert call.due_at is not None
    assert (call.due_at - datetime.now(UTC)).total_seconds() > 100
    assert len(receiver.received) == 1
