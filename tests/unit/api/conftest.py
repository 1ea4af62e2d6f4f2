"""The API with the real service and stores in memory, called by a real HTTP client.

Every response that a test gets is checked against the OpenAPI document first.
"""

# ruff: noqa: ANN401 - what is sent over HTTP has any type

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from jsonschema_rs import Draft202012Validator
from prometheus_client import CollectorRegistry
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.access.authentication import (
    Authentication,
    NoAuthentication,
    TokenAuthentication,
)
from scheduler.api.access.clients import Clients
from scheduler.api.access.gate import Gate
from scheduler.api.access.hosts import Hosts
from scheduler.api.access.job_tokens import JobTokens
from scheduler.api.access.parts import Access
from scheduler.api.app import build_app
from scheduler.api.description.openapi import document
from scheduler.api.description.routes import ROUTES
from scheduler.api.reserved import RESERVED
from scheduler.basics.background import background
from scheduler.basics.clock import new_id
from scheduler.core.change import changed
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Claim, Settlement, Status
from scheduler.core.quotas.quota import Quotas
from scheduler.core.retries.declaration import Retry
from scheduler.core.tasks import Tasks
from scheduler.service.access.audit import Audit
from scheduler.service.access.failed_logins import FailedLogins
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import Tokens
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.job_looks import JobLooks
from scheduler.service.lookup import Lookup
from scheduler.service.pauses import PauseService
from scheduler.service.places import PlaceService
from scheduler.service.quotas import QuotaService
from scheduler.service.reruns import Reruns
from scheduler.service.schedules.firing import Firings
from scheduler.service.schedules.schedules import ScheduleService
from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService
from tests.fakes import AT, FakeClock, MemoryQueue, MemoryStore, NoDirectStart
from tests.support.job_events import Counting
from tests.support.stores import node

DOCUMENT = document(ROUTES)
TASKS = Tasks(
    {
        "task1": HandlerOptions(
            name="task1", doc="Counts.", timeout_s=60, grace_s=1.5, memory_bytes=1 << 30
        ),
        "task2": HandlerOptions(
            name="task2", undoable=True, retry=Retry(5, on=("crash", ConnectionError)).rule
        ),
    },
    loaded_at=AT,
)
COOKIE = "atl_test"
DATA_BYTES_MAX = 1024 * 1024
BULK_JOBS_MAX = 1000


@dataclass(frozen=True)
class Response:
    """A response, read completely."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def flaws(self) -> dict[str, str]:
        """What the response says is wrong, by pointer."""
        assert self.status == 400, self.text
        return {flaw["pointer"]: flaw["detail"] for flaw in self.json["errors"]}


@dataclass
class Api:
    """A node's API, and the fakes behind it."""

    client: TestClient[Any, Any]
    store: MemoryStore
    queue: MemoryQueue
    clock: FakeClock
    draining: asyncio.Event

    async def get(self, path: str, **kwargs: Any) -> Response:
        return await self.ask("GET", path, **kwargs)

    async def delete(self, path: str, **kwargs: Any) -> Response:
        return await self.ask("DELETE", path, **kwargs)

    async def post(self, body: Any, **headers: str) -> Response:
        """Submit; bytes are sent as they are, everything else as JSON."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": "application/json", **headers}
        return await self.ask("POST", "/", data=BytesIO(data), headers=headers)

    async def ask(self, method: str, path: str, **kwargs: Any) -> Response:
        async with self.client.request(method, path, **kwargs) as response:
            answer = Response(response.status, response.headers, await response.text())
            _compare(method, response, answer)
            return answer

    async def submit(self, uid: str = "u1", **fields: Any) -> str:
        """Submit a job, and return its id."""
        answer = await self.post({"uid": uid, "task": "task1", **fields})
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    async def start(self, job_id: str) -> Claim:
        """Claim the job for a node."""
        await self.store.register(node("a1"))
        (claim,) = await self.store.claim([job_id], node_id="a1", at=self.clock.now())
        return claim

    async def end(self, claim: Claim, status: Status = Status.SUCCESSFUL, **fields: Any) -> None:
        """End the attempt, and announce the change."""
        at = self.clock.now()
        end = Settlement(id=claim.id, token=claim.token, status=status, at=at, **fields)
        assert await self.store.settle([end])
        self.queue.announce([changed(claim.id)])

    @property
    def stored(self) -> int:
        return len(self.store.rows)


@dataclass(frozen=True)
class Parts:
    """An application, and the fakes behind it."""

    app: web.Application
    store: MemoryStore
    queue: MemoryQueue
    clock: FakeClock
    draining: asyncio.Event
    looks: JobLooks
    change_feed: ChangeFeed
    access: Access
    job_events: Counting


def build(
    authentication: Callable[[TokenAuthentication], Authentication] | None = None,
    path_prefix: str = "",
    proxies: Sequence[IPv4Network | IPv6Network] = (),
    quotas: Quotas | None = None,
    store: Any = None,
    *,
    open_metrics: bool = False,
) -> Parts:
    """Build an application; `store` is a real one, where the fake does not do."""
    queue, clock, draining = MemoryQueue(), FakeClock(), asyncio.Event()
    store = store or MemoryStore()
    change_feed, looks = ChangeFeed(store=store, queue=queue, clock=clock), JobLooks(store)
    job_events = Counting(clock)
    service = Service(
        store=store,
        queue=queue,
        change_feed=change_feed,
        looks=looks,
        clock=clock,
        new_id=new_id,
        tasks=TASKS,
        draining=draining,
        direct_start=NoDirectStart(),
        job_events=job_events,
    )
    tokens = Tokens(store.tokens, queue, clock)
    failed_logins = FailedLogins(store.audit, clock)
    sessions = Sessions(store.tokens, tokens, failed_logins, clock)
    clients = Clients(proxies)
    job_tokens = JobTokens(store, clock, secret=32 * "5e")
    by_token = TokenAuthentication(tokens, job_tokens, sessions, COOKIE)
    found = NoAuthentication() if authentication is None else authentication(by_token)
    access = Access(
        hosts=Hosts(["127.0.0.1"], ["jobs.example"]),
        gate=Gate(found, tokens, sessions, clients, clock),
        clients=clients,
        tokens=tokens,
        job_tokens=job_tokens,
        sessions=sessions,
        session_cookie=COOKIE,
        audit=Audit(store.audit),
        failed_logins=failed_logins,
        open_metrics=open_metrics,
    )
    quota_service = QuotaService(
        quotas or Quotas(), service=service, store=store, clock=clock, job_events=job_events
    )
    schedules = ScheduleService(
        store=store,
        clock=clock,
        new_id=new_id,
        tasks=TASKS,
        service=service,
        quotas=quotas or Quotas(),
        on_refused=job_events.refused,
        firings=Firings(
            store=store,
            queue=queue,
            clock=clock,
            new_id=new_id,
            quotas=quotas or Quotas(),
            on_occurrences=lambda outcome, count: None,  # noqa: ARG005
        ),
    )
    places = PlaceService(store=store, clock=clock, tasks=TASKS)
    app = build_app(
        service=service,
        quotas=quota_service,
        reruns=Reruns(quotas=quota_service, places=places, store=store, clock=clock, tasks=TASKS),
        lookup=Lookup(store),
        statistics=StatisticsService(store=store, clock=clock, lease_s=6.0),
        places=places,
        pauses=PauseService(store=store, clock=clock, node_name="node-a", nearer=service.nearer),
        schedules=schedules,
        data_bytes_max=DATA_BYTES_MAX,
        bulk_jobs_max=BULK_JOBS_MAX,
        registry=CollectorRegistry(),
        access=access,
        path_prefix=path_prefix,
    )
    return Parts(app, store, queue, clock, draining, looks, change_feed, access, job_events)


@pytest.fixture
async def api(aiohttp_client: AiohttpClient) -> AsyncIterator[Api]:
    parts = build()
    async with background(looks=parts.looks.run()):
        client = await aiohttp_client(parts.app)
        yield Api(client, parts.store, parts.queue, parts.clock, parts.draining)


@pytest.fixture
async def api_below(aiohttp_client: AiohttpClient) -> Api:
    """The API of a node that a proxy serves below `/jobs`."""
    parts = build(path_prefix="/jobs")
    client = await aiohttp_client(parts.app)
    return Api(client, parts.store, parts.queue, parts.clock, parts.draining)


def _compare(method: str, response: ClientResponse, answer: Response) -> None:
    """Check that the OpenAPI document describes this response, and that its body matches."""
    path = _template(response.url.raw_path)
    operation = DOCUMENT["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return
    described = operation["responses"][str(answer.status)]
    media = answer.headers["Content-Type"].partition(";")[0]
    assert media in described["content"]
    body = answer.json if media.endswith("json") else answer.text
    _validator(path, method.lower(), str(answer.status), media).validate(body)


@cache
def _validator(path: str, method: str, status: str, media: str) -> Draft202012Validator:
    """What judges a response; OpenAPI 3.1 has the schemas of this draft."""
    described = DOCUMENT["paths"][path][method]["responses"][status]["content"][media]
    return Draft202012Validator({**described["schema"], "components": DOCUMENT["components"]})


def _template(path: str) -> str:
    parts = path.split("/")[1:]
    if parts[:2] == ["-", "schedules"] and len(parts) > 3:
        return "/".join(["/-/schedules/{uid}/{name}", *parts[4:]])
    if parts[:2] == ["-", "usage"]:
        return "/-/usage/{uid}"
    if parts[:2] == ["-", "tokens"]:
        return "/-/tokens/{id}" if parts[2:] else "/-/tokens"
    if "" in parts or parts[0] in {"-", *RESERVED}:
        return path
    templates = {1: "/{uid}", 2: "/{uid}/{id}", 3: f"/{{uid}}/{{id}}/{parts[-1]}"}
    return templates.get(len(parts), path)
