"""Builds a node from its configuration. Each step needs only those before it.

    data_dir locked, processes of a killed node ended ─ warden ─ store ─ queue ─ pool processes with
    the handlers ─ hooks ─ HTTP ─ workers ─ lease

The exit stack closes everything in the reverse order.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from scheduler import __version__
from scheduler.api.access.parts import Access
from scheduler.api.app import build_app
from scheduler.basics.background import background
from scheduler.basics.clock import SharedClock, SystemClock, new_id
from scheduler.basics.cpus import usable_cpus
from scheduler.basics.urls import local
from scheduler.core.job import Node, StopReason
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.core.quotas.reserve import Reserve
from scheduler.core.schedules.zones import TZDATA_VERSION
from scheduler.node.authentication import access, make_first_token, require_safe
from scheduler.node.config.loading import Config
from scheduler.node.config.sections import HttpSection
from scheduler.node.folders import Folders, occupied
from scheduler.node.http_server import open_http
from scheduler.node.preflight import (
    forget_predecessors,
    is_private,
    mark_descendants,
    reach,
    start_tracker,
    warn_no_handlers,
)
from scheduler.node.promoter import Promoter
from scheduler.node.reloading import Triggers, reloading_tasks
from scheduler.node.running_node import RunningNode
from scheduler.node.schedule_look import ScheduleLook
from scheduler.node.sweeper import Retention, Sweeper
from scheduler.node.tls import Certificate
from scheduler.processes.child.loading.snapshot import Snapshot
from scheduler.processes.slots import Slots, open_slots
from scheduler.processes.warden.handle import Warden, open_warden
from scheduler.queue import open_queue
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
from scheduler.store import open_store
from scheduler.telemetry.gauges import Gauges
from scheduler.telemetry.job_events import JobEvents
from scheduler.telemetry.metrics import Metrics
from scheduler.telemetry.stalls import Stalls
from scheduler.webhooks import open_hooks
from scheduler.webhooks.delivery import Delivery
from scheduler.worker import (
    build_workers,
    receive_aborts,
    report_progress,
)
from scheduler.worker.direct_starts import DirectStarts
from scheduler.worker.from_store.letting_go import LettingGo
from scheduler.worker.intervals import Intervals
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.node_api import NodeApi
from scheduler.worker.settlements import Settlements, build_settlements
from scheduler.worker.workers import Workers

DAY_S: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class _Basis:
    """The parts that all other parts of a node need."""

    config: Config
    folders: Folders
    node: Node
    clock: Clock
    random: Random
    metrics: Metrics
    job_events: JobEvents
    store: Store
    queue: Queue
    reserve: Reserve
    access: Access
    snapshot: Snapshot
    slots: Slots
    warden: Warden
    gauges: Gauges


async def assemble(
    config: Config, name: str, stack: AsyncExitStack, *, triggers: Triggers
) -> RunningNode:
    """Build a node from its configuration; the exit stack closes it.

    Args:
        triggers: when to load the handlers anew.

    Raises:
        StartError, Unavailable: it cannot start.
    """
    registry, draining = CollectorRegistry(), asyncio.Event()
    basis = await _open_basis(config, name, registry, stack)
    store, queue = basis.store, basis.queue
    hooks = await stack.enter_async_context(_hooks(basis))
    change_feed, looks = ChangeFeed(store=store, queue=queue, clock=basis.clock), JobLooks(store)
    await stack.enter_async_context(background(looks=looks.run()))  # as long as there are requests
    local_jobs, sweeper = LocalJobs(), _sweeper(basis)
    lease = _lease(basis, local_jobs)
    direct_starts = _direct_starts(basis, lease, local_jobs)
    service = _service(basis, change_feed, looks, direct_starts, draining)
    pauses, (schedules, schedule_look) = _pauses(basis, service), _schedules(basis, service)
    urls = await stack.enter_async_context(_api(basis, service, pauses, schedules, registry))
    settlements, workers = await _open_workers(
        basis,
        lease,
        local_jobs,
        direct_starts,
        pauses,
        on_call_due=hooks.hint,
        on_held=service.look_for_held,
        urls=urls,
        stack=stack,
    )
    await _begin(basis, lease, sweeper)
    return RunningNode(
        config=config,
        urls=urls,
        lease=lease,
        local_jobs=local_jobs,
        workers=workers,
        settlements=settlements,
        background_tasks={
            "keep the lease": lease.keep,
            "sweep": sweeper.run,
            **_promoting(basis, service),
            "look at schedules": schedule_look.run,
            "look for pauses": pauses.run,
            "give back lost claims": settlements.lost_claims.run,
            "write job logs": settlements.job_log_writer.run,
            "receive aborts": partial(receive_aborts, queue, local_jobs),
            "report progress": partial(report_progress, store, queue, local_jobs),
            "read the change feed": change_feed.run,
            **basis.access.background_tasks(),
            "look for stalls": _stalls(basis, local_jobs).run,
            "set gauges": basis.gauges.run,
            **_reloading(basis, lease, triggers, draining),
        },
        draining=draining,
    )


def _direct_starts(basis: _Basis, lease: Lease, local_jobs: LocalJobs) -> DirectStarts:
    return DirectStarts(
        lease=lease,
        local_jobs=local_jobs,
        quotas=basis.config.quotas.quotas,
        keeps_slots=bool(basis.reserve),
    )


async def _begin(basis: _Basis, lease: Lease, sweeper: Sweeper) -> None:
    """Become one of the nodes of the installation."""
    config, store = basis.config, basis.store
    if is_private(config.store.url):
        await forget_predecessors(store)
        # Else its jobs would come after those that were queued later.
        await sweeper.release_dead_nodes()
    await lease.begin()
    # At last: what a start that is refused has written is removed again.
    await make_first_token(config.auth, store.tokens, basis.clock, basis.folders.data_dir)
    basis.folders.keep()


async def _open_basis(
    config: Config, name: str, registry: CollectorRegistry, stack: AsyncExitStack
) -> _Basis:
    """Open data_dir, warden, store, queue and pool processes."""
    metrics = Metrics(registry)
    random = Random()  # noqa: S311 - spreads waits, protects no secrets
    node_id = f"{name}-{secrets.token_hex(4)}"
    require_safe(config.auth, config.http.addresses)
    folders = stack.enter_context(occupied(config.node.data_dir))
    snapshot = mark_descendants(config, folders, node_id)
    start_tracker()
    warden = await stack.enter_async_context(open_warden(random=random))
    store = await _reach_store(config, folders.data_dir, metrics, stack)
    clock = await _shared_clock(store, stack)
    reserve = Reserve(config.fairness.reserve_percent)
    queue = await _reach_queue(config, folders.data_dir, node_id, random, reserve, stack)
    await queue.join(store.identity)
    slots = await stack.enter_async_context(_slots(config, clock, random, metrics))
    if not slots.tasks:
        warn_no_handlers(config.handlers.path)
    node = Node(
        id=node_id,
        name=name,
        version=__version__,
        workers=number_of_workers(config),
        tasks=tuple(sorted(slots.tasks)),
        running=0,
        beat=0,
        started_at=clock.now(),
        labels=config.node.labels,
        only=config.node.only,
        tzdata=TZDATA_VERSION,
    )
    return _Basis(
        config=config,
        folders=folders,
        node=node,
        clock=clock,
        random=random,
        metrics=metrics,
        job_events=JobEvents(metrics, clock=clock),
        store=store,
        queue=queue,
        reserve=reserve,
        access=await access(config.http, config.auth, store, queue, clock),
        snapshot=snapshot,
        slots=slots,
        warden=warden,
        gauges=Gauges(metrics, store=store, clock=clock),
    )


def number_of_workers(config: Config) -> int:
    """How many workers, and so pool processes, the node has."""
    return config.node.workers or usable_cpus()


async def _reach_store(
    config: Config, data_dir: Path, metrics: Metrics, stack: AsyncExitStack
) -> Store:
    url = config.store.url
    return await reach(
        "store",
        lambda: open_store(
            url, data_dir=data_dir, schema=config.store.schema, on_batch=metrics.batch
        ),
        stack,
    )


async def _shared_clock(store: Store, stack: AsyncExitStack) -> Clock:
    """The clock that all nodes of the store share, which is asked while the node runs."""
    clock = SharedClock(SystemClock(), store.time_of_day)
    await clock.ask()
    await stack.enter_async_context(background(clock=clock.follow()))
    return clock


async def _reach_queue(
    config: Config,
    data_dir: Path,
    node_id: str,
    random: Random,
    reserve: Reserve,
    stack: AsyncExitStack,
) -> Queue:
    url, namespace = config.queue.url, config.queue.namespace
    return await reach(
        "queue",
        lambda: open_queue(
            url,
            namespace=namespace,
            node_id=node_id,
            data_dir=data_dir,
            random=random,
            share_of=config.quotas.quotas.share_of,
            busy_max=reserve.busy_max,
            place=config.node.place,
        ),
        stack,
    )


def _slots(
    config: Config, clock: Clock, random: Random, metrics: Metrics
) -> AbstractAsyncContextManager[Slots]:
    return open_slots(
        workers=number_of_workers(config),
        clock=clock,
        random=random,
        result_bytes_max=config.limits.result_bytes_max,
        jobs_per_process=config.node.jobs_per_process,
        share_processes=config.node.share_processes,
        on_started=metrics.processes.inc,
    )


def _hooks(basis: _Basis) -> AbstractAsyncContextManager[Delivery]:
    hooks = basis.config.hooks
    return open_hooks(
        store=basis.store,
        random=basis.random,
        job_events=basis.job_events,
        secret=hooks.secret,
        allow=[ip_network(network) for network in hooks.allow],
        give_up_s=hooks.give_up_s,
    )


def _service(
    basis: _Basis,
    change_feed: ChangeFeed,
    looks: JobLooks,
    direct_starts: DirectStarts,
    draining: asyncio.Event,
) -> Service:
    return Service(
        store=basis.store,
        queue=basis.queue,
        change_feed=change_feed,
        looks=looks,
        clock=basis.clock,
        new_id=new_id,
        tasks=basis.slots.tasks,
        draining=draining,
        direct_start=direct_starts,
        job_events=basis.job_events,
    )


def _promoting(
    basis: _Basis, service: Service
) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
    """What lets held jobs go: once a time has come, and once others of their handler have ended."""
    promoter = Promoter(
        store=basis.store,
        queue=basis.queue,
        job_events=basis.job_events,
        nearer=service.nearer,
    )
    letting_go = LettingGo(
        store=basis.store,
        queue=basis.queue,
        clock=basis.clock,
        tasks=basis.slots.tasks,
        quotas=basis.config.quotas.quotas,
        freed=service.freed,
    )
    return {"promote held jobs": promoter.run, "let limited jobs go": letting_go.run}


def _pauses(basis: _Basis, service: Service) -> PauseService:
    return PauseService(
        store=basis.store, clock=basis.clock, node_name=basis.node.name, nearer=service.nearer
    )


def _schedules(basis: _Basis, service: Service) -> tuple[ScheduleService, ScheduleLook]:
    def count(outcome: str, occurrences: int) -> None:
        basis.metrics.occurrences(outcome).inc(occurrences)

    firings = Firings(
        store=basis.store,
        queue=basis.queue,
        clock=basis.clock,
        new_id=new_id,
        quotas=basis.config.quotas.quotas,
        on_occurrences=count,
    )
    schedules = ScheduleService(
        store=basis.store,
        clock=basis.clock,
        new_id=new_id,
        tasks=basis.slots.tasks,
        service=service,
        firings=firings,
        quotas=basis.config.quotas.quotas,
        on_refused=basis.job_events.refused,
    )
    look = ScheduleLook(
        store=basis.store,
        queue=basis.queue,
        firings=firings,
        service=service,
        nearer=schedules.nearer,
    )
    return schedules, look


def _api(
    basis: _Basis,
    service: Service,
    pauses: PauseService,
    schedules: ScheduleService,
    registry: CollectorRegistry,
) -> AbstractAsyncContextManager[Sequence[str]]:
    config = basis.config
    statistics = StatisticsService(
        store=basis.store,
        clock=basis.clock,
        lease_s=config.node.lease_s,
        samples=basis.gauges.samples,
    )
    quotas = QuotaService(
        config.quotas.quotas,
        service=service,
        store=basis.store,
        clock=basis.clock,
        job_events=basis.job_events,
    )
    places = PlaceService(store=basis.store, clock=basis.clock, tasks=basis.slots.tasks)
    app = build_app(
        service=service,
        quotas=quotas,
        reruns=Reruns(
            quotas=quotas,
            places=places,
            store=basis.store,
            clock=basis.clock,
            tasks=basis.slots.tasks,
        ),
        lookup=Lookup(basis.store),
        statistics=statistics,
        pauses=pauses,
        places=places,
        schedules=schedules,
        data_bytes_max=config.limits.data_bytes_max,
        bulk_jobs_max=config.limits.bulk_jobs_max,
        registry=registry,
        access=basis.access,
        path_prefix=config.http.path_prefix,
    )
    return open_http(
        app,
        hosts=config.http.addresses,
        port=config.http.port,
        certificate=certificate(config.http),
    )


def certificate(http: HttpSection) -> Certificate | None:
    """The certificate for https, if there is to be https.

    Raises:
        StartError: it cannot be used.
    """
    if not http.tls_certificate:
        return None
    return Certificate(Path(http.tls_certificate), Path(http.tls_key) if http.tls_key else None)


def _lease(basis: _Basis, local_jobs: LocalJobs) -> Lease:
    def lose() -> None:
        basis.metrics.leases_lost.inc()
        local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)

    basis.metrics.of_node(
        workers=basis.node.workers,
        running=lambda: len(local_jobs),
        loaded_at=basis.slots.tasks.timestamp,
    )
    return Lease(
        basis.node,
        store=basis.store,
        clock=basis.clock,
        lease_s=basis.config.node.lease_s,
        running=lambda: len(local_jobs),
        on_abort_requested=local_jobs.hint,
        on_held=basis.warden.hold,
        on_lost=lose,
        calm=basis.warden.calm,
        shared=not is_private(basis.config.store.url),
    )


def _stalls(basis: _Basis, local_jobs: LocalJobs) -> Stalls:
    return Stalls(
        basis.metrics,
        store=basis.store,
        clock=basis.clock,
        node_id=basis.node.id,
        workers=basis.node.workers,
        local_jobs=lambda: local_jobs.tracked,
    )


def _reloading(
    basis: _Basis, lease: Lease, triggers: Triggers, draining: asyncio.Event
) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
    return reloading_tasks(
        triggers,
        basis.config.handlers.path,
        basis.snapshot,
        slots=basis.slots,
        lease=lease,
        metrics=basis.metrics,
        clock=basis.clock,
        draining=draining,
    )


def _sweeper(basis: _Basis) -> Sweeper:
    config = basis.config
    return Sweeper(
        store=basis.store,
        queue=basis.queue,
        clock=basis.clock,
        node_id=basis.node.id,
        node_name=basis.node.name,
        job_events=basis.job_events,
        lease_s=config.node.lease_s,
        losses_max=config.node.losses_max,
        retention=Retention(config.retention.finished_s, config.auth.audit_days * DAY_S),
        reserve=basis.reserve,
    )


async def _open_workers(
    basis: _Basis,
    lease: Lease,
    local_jobs: LocalJobs,
    direct_starts: DirectStarts,
    pauses: PauseService,
    *,
    on_call_due: Callable[[], None],
    on_held: Callable[[], None],
    urls: Sequence[str],
    stack: AsyncExitStack,
) -> tuple[Settlements, Workers]:
    """Each in a task group of its own, so that a failure in one does not hide behind the other."""
    config = basis.config
    settlements = build_settlements(
        await stack.enter_async_context(asyncio.TaskGroup()),
        store=basis.store,
        queue=basis.queue,
        clock=basis.clock,
        random=basis.random,
        lease=lease,
        local_jobs=local_jobs,
        job_events=basis.job_events,
        on_call_due=on_call_due,
        on_held=on_held,
        cleanup_tries=config.abort.cleanup_tries,
        unknown_wait_s=config.handlers.unknown_wait_s,
    )
    stack.callback(settlements.unkillable.give_up)
    workers = build_workers(
        await stack.enter_async_context(asyncio.TaskGroup()),
        settlements,
        store=basis.store,
        queue=basis.queue,
        clock=basis.clock,
        random=basis.random,
        slots=basis.slots,
        lease=lease,
        local_jobs=local_jobs,
        direct_starts=direct_starts,
        job_events=basis.job_events,
        intervals=Intervals(
            idle_window_s=config.queue.idle_window_s,
            first_look_s=config.abort.first_look_s,
            longest_look_s=config.abort.longest_look_s,
            grace_s=config.abort.grace_s,
        ),
        node_api=NodeApi(local(urls), basis.access.token_of),
        quotas=config.quotas.quotas,
        busy_max=basis.reserve.busy_max,
        pauses=pauses,
    )
    stack.callback(workers.close)
    return settlements, workers
