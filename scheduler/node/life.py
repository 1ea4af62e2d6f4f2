"""A node: builds everything from the configuration, runs it, and takes it down in order.

start   data_dir locked, leftovers of a killed node ended ─ warden ─ store ─ queue ─ handlers
        ─ hooks ─ HTTP ─ lease ─ sweeper ─ workers ─ ready line
serve   until SIGTERM or SIGINT; a second one exits at once and leaves the rest to the warden
drain   no new claims ─ running jobs get drain_s, then go back to the queue ─ workers ─ lease
        ─ HTTP ─ hooks ─ pool processes ─ queue ─ store ─ warden
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import socket
import threading
from contextlib import AsyncExitStack
from ipaddress import ip_network
from random import Random
from typing import Final

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from scheduler import __version__
from scheduler.api.app import build_app
from scheduler.basics.clock import SystemClock, id_before, new_id
from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError, Unavailable
from scheduler.core.job import Node, StopReason
from scheduler.node.config.loading import Config
from scheduler.node.preflight import (
    allow_descriptors,
    forget_predecessors,
    is_private,
    mark_descendants,
    occupied,
    reach,
    remark_no_handlers,
    require_containment,
)
from scheduler.node.running_node import RunningNode, say
from scheduler.node.sweeper import Sweeper
from scheduler.processes.slots import open_slots
from scheduler.processes.warden.handle import open_warden
from scheduler.queue import open_queue
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService
from scheduler.store import open_store
from scheduler.telemetry import log_lines
from scheduler.telemetry.gauges import Gauges
from scheduler.telemetry.job_events import JobEvents
from scheduler.telemetry.metrics import Metrics
from scheduler.webhooks import open_hooks
from scheduler.worker.job_log_writer import JobLogWriter
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.lost_claims import LostClaims
from scheduler.worker.settling import Settling
from scheduler.worker.slot_line import open_slot_line
from scheduler.worker.unkillable import open_unkillable
from scheduler.worker.worker import Worker

ANSWER_S: Final = 5.0
"""How long open requests may take to end when the HTTP server closes."""


def run(config: Config) -> None:
    """Run a node until it is drained.

    Raises:
        StartError: it cannot start; nothing was left behind.
    """
    require_containment()
    allow_descriptors()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except BaseExceptionGroup as group:
        raise _sole_start_error(group) or group from None
    if threading.active_count() > 1:
        # One waits for a pool process that outlives SIGKILL, and the interpreter would wait for it.
        say("ended, but for a process that cannot be killed; see the log")
        os._exit(0)


async def serve(config: Config) -> None:
    """Start, serve, drain: one node's life."""
    name = config.node.name or socket.gethostname()
    log_lines.begin(node=name)
    async with AsyncExitStack() as stack:
        try:
            node = await assemble(config, name, stack)
        except Unavailable as error:  # what could be reached a moment ago
            raise StartError(f"the start was cut short: {error}") from error
        async with asyncio.TaskGroup() as background_tasks:
            running = [
                background_tasks.create_task(chore, name=what)
                for what, chore in node.background_tasks()
            ]
            came_to_their_end = await node.work()
            for chore in running:
                chore.cancel()
        # Else the lease runs out: others begin nothing before the warden has ended it here, or as
        # long as anybody can wait for what outlived SIGKILL.
        if came_to_their_end and not node.unkillable.kept:
            await node.lease.end()


async def assemble(config: Config, name: str, stack: AsyncExitStack) -> RunningNode:
    """Build every part on those that are there; the stack takes them down in reverse."""
    clock, random = SystemClock(), Random()  # noqa: S311 - spreads waits, keeps no secrets
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    job_events = JobEvents(metrics, clock=clock)
    node_id = f"{name}-{secrets.token_hex(4)}"
    data_dir = stack.enter_context(occupied(config.node.data_dir))
    mark_descendants(config, data_dir, node_id)
    warden = await stack.enter_async_context(open_warden(random=random))
    store = await reach(
        f"store {redacted(config.store.url)}",
        lambda: open_store(config.store.url, data_dir=data_dir, on_batch=metrics.batch),
        stack,
    )
    queue = await reach(
        f"queue {redacted(config.queue.url)}",
        lambda: open_queue(
            config.queue.url,
            namespace=config.queue.namespace,
            node_id=node_id,
            data_dir=data_dir,
            random=random,
        ),
        stack,
    )
    await queue.join(store.identity)
    workers = config.node.workers or os.cpu_count() or 1
    slots = await stack.enter_async_context(
        open_slots(
            workers=workers,
            clock=clock,
            random=random,
            result_bytes_max=config.limits.result_bytes_max,
            jobs_per_process=config.node.jobs_per_process,
            on_started=metrics.processes.inc,
        )
    )
    tasks = await slots.tasks()
    if not tasks:
        remark_no_handlers(config.handlers.path)
    hooks = await stack.enter_async_context(
        open_hooks(
            store=store,
            clock=clock,
            random=random,
            job_events=job_events,
            secret=config.hooks.secret,
            allow=[ip_network(network) for network in config.hooks.allow],
            give_up_s=config.hooks.give_up_s,
        )
    )
    draining = asyncio.Event()
    change_feed = ChangeFeed(store=store, queue=queue, clock=clock)
    service = Service(
        store=store,
        queue=queue,
        change_feed=change_feed,
        clock=clock,
        new_id=new_id,
        tasks=tasks,
        draining=draining,
        job_events=job_events,
    )
    statistics = StatisticsService(store=store, clock=clock, lease_s=config.node.lease_s)
    url = await _open_http(config, service, statistics, registry, stack)
    record = Node(
        id=node_id,
        name=name,
        version=__version__,
        workers=workers,
        tasks=tuple(sorted(tasks)),
        running=0,
        beat=0,
        started_at=clock.now(),
    )
    local_jobs = LocalJobs()

    def lose() -> None:
        metrics.leases_lost.inc()
        local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)

    metrics.of_node(workers=record.workers, running=lambda: len(local_jobs))
    lease = Lease(
        record,
        store=store,
        clock=clock,
        lease_s=config.node.lease_s,
        running=lambda: len(local_jobs),
        on_abort_requested=local_jobs.hint,
        on_held=warden.hold,
        on_lost=lose,
    )
    sweeper = Sweeper(
        store=store,
        queue=queue,
        clock=clock,
        node_id=node_id,
        job_events=job_events,
        id_before=id_before,
        lease_s=config.node.lease_s,
        losses_max=config.node.losses_max,
        retention_s=config.retention.finished_s,
    )
    job_log_writer = JobLogWriter(store=store, queue=queue, clock=clock)
    settling = Settling(
        store=store,
        queue=queue,
        clock=clock,
        random=random,
        job_log_writer=job_log_writer,
        job_events=job_events,
        on_call_due=hooks.hint,
    )
    lost_claims = LostClaims(
        store=store, clock=clock, local_jobs=local_jobs, settling=settling, node_id=node_id
    )
    unkillable = await stack.enter_async_context(
        open_unkillable(store=store, clock=clock, random=random, settling=settling)
    )
    slot_line = await stack.enter_async_context(
        open_slot_line(slots, number=record.workers, clock=clock)
    )
    crew = [
        Worker(
            store=store,
            queue=queue,
            clock=clock,
            random=random,
            slots=slots,
            slot_line=slot_line,
            lease=lease,
            local_jobs=local_jobs,
            settling=settling,
            unkillable=unkillable,
            tasks=tasks,
            node_id=node_id,
            job_events=job_events,
            hear=job_log_writer.hear,
            idle_window_s=config.queue.idle_window_s,
            first_look_s=config.abort.first_look_s,
            longest_look_s=config.abort.longest_look_s,
            grace_s=config.abort.grace_s,
        )
        for _ in range(record.workers)
    ]
    if is_private(config.store.url):
        await forget_predecessors(store)
        await sweeper.release_the_dead()  # else its jobs come behind those that were queued later
    await lease.begin()
    return RunningNode(
        config=config,
        record=record,
        url=url,
        store=store,
        queue=queue,
        local_jobs=local_jobs,
        lease=lease,
        sweeper=sweeper,
        lost_claims=lost_claims,
        job_log_writer=job_log_writer,
        pulse=Gauges(metrics, store=store, clock=clock),
        change_feed=change_feed,
        unkillable=unkillable,
        workers=crew,
        draining=draining,
    )


async def _open_http(
    config: Config,
    service: Service,
    statistics: StatisticsService,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> str:
    """Serve the API, and answer its URL."""
    app = build_app(
        service=service,
        statistics=statistics,
        data_bytes_max=config.limits.data_bytes_max,
        bulk_jobs_max=config.limits.bulk_jobs_max,
        registry=registry,
    )
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,  # a client that went away waits for nothing
        shutdown_timeout=ANSWER_S,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, port = config.http.host, config.http.port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise StartError(_no_listening(host, port, error)) from error
    address = runner.addresses[0]
    return f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"


def _no_listening(host: str, port: int, error: OSError) -> str:
    """Why it cannot be, in the system's words: the event loop's own repeat the address."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"[http] port: {host}:{port} is in use;"
            " choose another with SCHEDULER_HTTP__PORT (0: any that is free)"
        )
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else error.strerror  # below: of the host's name
    return f"[http] {host}:{port} cannot be listened on: {reason}"


def _sole_start_error(error: BaseException) -> StartError | None:
    """The start error in a group of nothing else: each task group on its way wrapped it once."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, StartError) else None
