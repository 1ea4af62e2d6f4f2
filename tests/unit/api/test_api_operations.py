"""What operators use: health, readiness, handlers, nodes, metrics; and unknown paths."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from scheduler import __version__
from scheduler.service.documents import instant
from scheduler.service.service import SEE_LOG
from tests.support.stores import AT, node
from tests.unit.api.conftest import Api


async def test_a_node_that_lives_says_so_whatever_is_away(api: Api) -> None:
    """A restart of the node would not bring the store back."""
    api.store.away = api.queue.away = True

    answer = await api.get("/-/health")

    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_a_node_is_ready_when_nothing_is_in_its_way(api: Api) -> None:
    answer = await api.get("/-/ready")

    assert (answer.status, answer.json) == (200, {"status": "ready", "paused": False})


async def test_a_node_that_is_not_ready_gives_the_reasons(api: Api) -> None:
    """To everybody, so without the addresses that the errors of the store and the queue have."""
    api.store.away = api.queue.away = True
    api.draining.set()

    answer = await api.get("/-/ready")

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["reasons"] == {
        "draining": "the node is draining",
        "store": SEE_LOG.format("store"),
        "queue": SEE_LOG.format("queue"),
    }


async def test_a_readiness_probe_leaves_no_mark_on_the_queue(api: Api) -> None:
    """A probe that renewed the sweeper's mark after a flush would hide that the queue lost ids."""
    assert await api.queue.forgetful()
    api.queue.server.flush()

    await api.get("/-/ready")

    await api.queue.remember()
    assert await api.queue.forgetful()


async def test_the_handlers_are_listed_with_their_options(api: Api) -> None:
    assert (await api.get("/-/tasks")).json == [
        {
            "name": "task1",
            "doc": "Counts.",
            "timeout_s": 60,
            "grace_s": 1.5,
            "memory_bytes": 1 << 30,
            "on_abort": False,
            "retry": None,
            "needs": [],
            "limit": [],
            "throttle": None,
            "loaded_at": instant(AT),
        },
        {
            "name": "task2",
            "doc": None,
            "timeout_s": None,
            "grace_s": None,
            "memory_bytes": None,
            "on_abort": True,
            "retry": {
                "max_attempts": 5,
                "backoff_s": 10,
                "backoff_max_s": 3600,
                "on": ["crash", "ConnectionError"],
            },
            "needs": [],
            "limit": [],
            "throttle": None,
            "loaded_at": instant(AT),
        },
    ]


async def test_the_nodes_are_listed(api: Api) -> None:
    await api.store.register(node("a1"))

    assert (await api.get("/-/nodes")).json == [
        {
            "name": "node-a",
            "id": "a1",
            "version": "1.0",
            "workers": 2,
            "running": 0,
            "tasks": ["task1", "task2"],
            "started_at": "2026-03-01T12:00:00.123Z",
            "tzdata": None,
            "paused": None,
            "labels": [],
            "only": [],
        }
    ]


async def test_requests_are_counted_by_their_routes_template(api: Api) -> None:
    """A label for each uid would fill the memory of the node and of Prometheus."""
    for n in range(3):
        await api.get(f"/u{n}")
    await api.get("/a/b/c")
    await api.ask("PROPFIND", "/")

    samples = await _samples(api)

    assert samples["scheduler_http_requests_total", "GET", "/{uid}", "200"] == 3
    assert samples["scheduler_http_requests_total", "GET", "none", "404"] == 1
    assert samples["scheduler_http_requests_total", "other", "none", "405"] == 1
    assert samples["scheduler_http_request_seconds_count", "GET", "/{uid}", ""] == 3


@pytest.mark.parametrize("version", ["x", "1.x", "2.é", "9" * 5000])
@pytest.mark.parametrize("media", ["application/openmetrics-text", "text/plain"])
async def test_metrics_in_no_known_version_are_in_the_usual_one(
    api: Api, media: str, version: str
) -> None:
    """What a client accepts is a wish, and a strange one no defect of the node."""
    answer = await api.get("/-/metrics", headers={"Accept": f"{media}; version={version}"})

    assert answer.status == 200
    assert answer.headers["Content-Type"].isascii()


async def test_the_version_is_a_metric(api: Api) -> None:
    text = (await api.get("/-/metrics")).text

    assert f'scheduler_build_info{{version="{__version__}"}} 1.0' in text


async def _samples(api: Api) -> dict[tuple[str, str, str, str], float]:
    answer = await api.get("/-/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (
            sample.name,
            sample.labels.get("method", ""),
            sample.labels.get("route", ""),
            sample.labels.get("status", ""),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("path", ["/a/b/c", "/-/", "/-", "/-/nothing", "/u1/"])
async def test_a_path_where_nothing_is_is_not_found(api: Api, path: str) -> None:
    answer = await api.get(path)

    assert answer.status == 404
    assert answer.json["type"] == "urn:atlanscheduler:problem:no-such-path"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "DELETE, OPTIONS, POST"),
        ("/u1", "DELETE, GET, HEAD, OPTIONS"),
        ("/u1/x", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/-/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_a_path_does_not_know_is_answered_with_those_it_knows(
    api: Api, path: str, allowed: str
) -> None:
    answer = await api.ask("PUT", path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert answer.json["type"] == "urn:atlanscheduler:problem:method-not-allowed"

    answer = await api.ask("OPTIONS", path)
    assert (answer.status, answer.text, answer.headers["Allow"]) == (204, "", allowed)


async def test_a_defect_is_logged_and_not_shown_to_clients(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback would show strangers where the weak points are."""

    async def fail(job_id: str, **_: str) -> None:
        raise RuntimeError(f"secret about {job_id}")

    monkeypatch.setattr(api.store, "get", fail)
    with capture_logs() as logs:
        answer = await api.get("/u1/019ab000-0000-7000-8000-ffffffffffff")

    assert answer.status == 500
    assert answer.json["type"] == "urn:atlanscheduler:problem:internal-error"
    assert "secret" not in answer.text
    assert [(entry["event"], str(entry["exc_info"])[:6]) for entry in logs] == [
        ("request failed", "secret")
    ]


async def test_no_answer_tells_our_versions_or_is_kept_by_caches(api: Api) -> None:
    for answer in (await api.get("/u1"), await api.get("/a/b/c")):
        assert "Server" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
