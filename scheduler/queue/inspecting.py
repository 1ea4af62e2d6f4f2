"""Looks at the queue for `doctor`: what a node does at its start, without being one.

The keys with which rights are tried are deleted at once. The embedded server is not started.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import AuthenticationError

from scheduler.basics.urls import redacted
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.core.finding import UNREACHABLE, Finding, missing, ok, short, within
from scheduler.queue.embedded.program import find_program, origin
from scheduler.queue.keys import Keys
from scheduler.queue.server import Server, open_server
from scheduler.queue.start_check import check_server

ROUND_TRIPS: Final = 7
ROUND_TRIP_S: Final = 0.02
"""Each job takes some round trips, and its start waits for them."""
CREDENTIALS: Final = "correct user and password in [queue] url, or the user on the server"
CORRECT: Final = "correct [queue] in the configuration, or the server that it names"


async def inspect_queue(url: str, *, namespace: str, store_identity: str) -> Sequence[Finding]:
    """Look whether a node can use the queue, and how well.

    `store_identity` is empty where the store is not known.
    """
    findings: list[Finding] = []
    try:
        if url == "embedded":
            program = await find_program()
            return [ok("queue", f"embedded, {program}, {origin(program)}; the start runs it")]
        keys = Keys(namespace)
        async with open_server(url, key=keys.wake) as server:
            facts = await _facts(server)
            findings += [_server(url, facts), await _round_trip(server, keys.wake), _memory(facts)]
            findings += [_persistence(facts)]
            await check_server(server, keys)
            findings += [ok("queue rights", "each command that a node sends is allowed")]
            findings += await _of_store(server, keys, store_identity)
    except QueueUnavailable as error:
        is_password = isinstance(error.__cause__, AuthenticationError)
        mend = CREDENTIALS if is_password else UNREACHABLE
        findings.append(missing(_next(findings), redacted(str(error)), mend))
    except StartError as error:
        findings.append(missing(_next(findings), redacted(str(error)), CORRECT))
    return findings


def _next(findings: Sequence[Finding]) -> str:
    """The check that failed: the first, or the one of the rights."""
    return "queue rights" if findings else "queue"


async def _facts(server: Server) -> Mapping[str, Any]:
    async with server.answering():
        facts: Mapping[str, Any] = await server.commands.info()
    return facts


def _server(url: str, facts: Mapping[str, Any]) -> Finding:
    name = str(facts.get("server_name", "redis")).capitalize()
    version = facts.get(f"{name.lower()}_version") or facts["redis_version"]
    where = f"{name} {version}, {redacted(url)}"
    form = url.partition(":")[0].partition("+")[2]
    found = {"sentinel": "found by Sentinel", "cluster": "a master of a Cluster"}.get(form, "")
    role = str(facts.get("role", "master"))
    if role not in {"master", "primary"}:
        return missing("queue", f"{where}: a {role}, which only reads", "name the master")
    return ok("queue", ", ".join(filter(None, (where, found))))


async def _round_trip(server: Server, key: str) -> Finding:
    took = []
    async with server.answering():
        for _ in range(ROUND_TRIPS):
            since = time.perf_counter()
            await server.commands.exists(key)
            took.append(time.perf_counter() - since)
    median_s = sorted(took)[ROUND_TRIPS // 2]
    return within(
        "queue round trip",
        short(median_s),
        "run the node nearer to the queue",
        fine=median_s <= ROUND_TRIP_S,
    )


def _memory(facts: Mapping[str, Any]) -> Finding:
    policy, limit = str(facts.get("maxmemory_policy", "")), int(facts.get("maxmemory", 0))
    size = f"{limit / 1024**2:.0f} MiB" if limit else "no limit"
    return within(
        "queue memory",
        f"maxmemory-policy {policy or 'unknown'}, maxmemory {size}",
        "set maxmemory-policy noeviction: an evicted queue is filled again from the store",
        fine=policy in {"", "noeviction"} or not limit,
    )


def _persistence(facts: Mapping[str, Any]) -> Finding:
    log = "on" if facts.get("aof_enabled") else "off"
    return ok("queue persistence", f"append-only file {log}; none is needed, the store has all")


async def _of_store(server: Server, keys: Keys, store_identity: str) -> Sequence[Finding]:
    """Whether the namespace is of this store, as far as both are known."""
    async with server.answering():
        registered = await server.commands.get(keys.store)
    if not registered or not store_identity:
        return [ok("queue namespace", f"{keys.namespace}: free")] if not registered else []
    if registered == store_identity:
        return [ok("queue namespace", f"{keys.namespace}: of this store")]
    found = f"{keys.namespace}: it belongs to another store"
    mend = "give this installation a [queue] namespace of its own, or, if that store is gone for"
    mend += f" good, delete the key {keys.store}"
    return [missing("queue namespace", found, mend)]
