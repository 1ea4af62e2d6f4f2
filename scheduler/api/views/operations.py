"""The views for operators: health, handlers, nodes, metrics, and the description of this API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from scheduler.api.description.curl import example_job
from scheduler.api.description.docs import POLICY, at, submitting
from scheduler.api.json_response import json_response
from scheduler.api.problems import NOT_READY, problem
from scheduler.api.state import DESCRIBED, PATH_PREFIX, PAUSES, PRINCIPAL, REGISTRY, SERVICE
from scheduler.service.documents import node_document, task_document


async def health(_: web.Request) -> web.Response:
    """Say that the process lives.

    It does not look at the store or the queue: restart the node only if this fails.
    """
    return json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say whether this node can take work, and what keeps it from that.

    For load balancers: a node that drains, or whose store or queue is away, answers 503. One that
    is paused is ready: it serves its API, and says that it takes no new jobs.
    """
    reasons = await request.app[SERVICE].not_ready_reasons()
    paused = request.app[PAUSES].of_node is not None
    if reasons:
        detail = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return problem(NOT_READY, detail, reasons=dict(reasons))
    return json_response({"status": "ready", "paused": paused})


async def list_tasks(request: web.Request) -> web.Response:
    """List the handlers that jobs can name, with their options.

    They are those of this node; other nodes of the installation may have others.
    """
    tasks = request.app[SERVICE].tasks
    return json_response(
        [task_document(tasks[name], loaded_at=tasks.loaded_at) for name in sorted(tasks)]
    )


async def list_nodes(request: web.Request) -> web.Response:
    """List the nodes that are up.

    A node is listed from its start until it ends, or is presumed dead.
    """
    nodes = await request.app[SERVICE].nodes(request[PRINCIPAL])
    pause_of = request.app[PAUSES].pause_of
    return json_response([node_document(node, pause_of(node.name)) for node in nodes])


async def metrics(request: web.Request) -> web.Response:
    """Expose this node's metrics to Prometheus.

    They are in the text format, or in OpenMetrics for clients that ask for it.
    """
    encode, content_type = _encoder(request.headers.get("Accept", ""))
    body = encode(request.app[REGISTRY])
    return web.Response(body=body, headers={"Content-Type": content_type})


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """What writes the metrics, and the type of that; the usual one for a version that is none."""
    try:
        encode, content_type = choose_encoder(accept)
        content_type.encode("ascii")  # it quotes the version
    except (TypeError, UnicodeEncodeError):
        return choose_encoder("")
    return encode, content_type


async def openapi(request: web.Request) -> web.Response:
    """Describe this API as OpenAPI 3.1.

    Generate clients from it, or import it into a tool such as Postman.
    """
    described = await asyncio.to_thread(request.app[DESCRIBED])
    return web.Response(body=described.json, content_type="application/json")


async def docs(request: web.Request) -> web.Response:
    """Describe this API as a page to read.

    It is this document, with a command for each request. It loads and runs nothing.
    """
    headers = {"Content-Security-Policy": POLICY}
    here = f"{request.scheme}://{request.host}{request.app[PATH_PREFIX]}"
    tasks = request.app[SERVICE].tasks
    job = example_job({name: options.doc for name, options in tasks.items()})
    described = await asyncio.to_thread(request.app[DESCRIBED])
    text = at(here, submitting(job, described.page))
    return web.Response(text=text, content_type="text/html", headers=headers)
