"""The views for operators: health, handlers, nodes, metrics, and the description of this API."""

from __future__ import annotations

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from scheduler.api.description.docs import POLICY
from scheduler.api.json_response import json_response
from scheduler.api.problems import NOT_READY, problem
from scheduler.api.state import DOCS, OPENAPI, REGISTRY, SERVICE
from scheduler.service.documents import node_document, task_document


async def health(_: web.Request) -> web.Response:
    """Say that the process lives."""
    return json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say whether this node can take work, and what keeps it from that."""
    reasons = await request.app[SERVICE].not_ready_reasons()
    if reasons:
        detail = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return problem(NOT_READY, detail, reasons=dict(reasons))
    return json_response({"status": "ready"})


async def list_tasks(request: web.Request) -> web.Response:
    """List the handlers that jobs can name, with their options."""
    tasks = request.app[SERVICE].tasks
    return json_response(
        [task_document(tasks[name], loaded_at=tasks.loaded_at) for name in sorted(tasks)]
    )


async def list_nodes(request: web.Request) -> web.Response:
    """List the nodes that are up."""
    return json_response([node_document(node) for node in await request.app[SERVICE].nodes()])


async def metrics(request: web.Request) -> web.Response:
    """Expose this node's metrics to Prometheus."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    body = encode(request.app[REGISTRY])
    return web.Response(body=body, headers={"Content-Type": content_type})


async def openapi(request: web.Request) -> web.Response:
    """Describe this API as OpenAPI 3.1."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json")


async def docs(request: web.Request) -> web.Response:
    """Describe this API as a page to read."""
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=request.app[DOCS], content_type="text/html", headers=headers)
