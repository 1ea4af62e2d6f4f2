"""The audit log of a real node: complete whatever dies, and read by a command."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from atlanscheduler_client import AsyncClient, ClientError, NewJob
from scheduler.core.access.audit import Action, AuditFilter
from scheduler.store import open_store
from tests.support.commands import command
from tests.support.nodes import Node, Nodes

JOBS = 400
TOGETHER = 20
"""Aborts that are under way when the node dies."""
ANSWERED = 100
"""How many it answers before."""


@pytest.fixture(name="url", params=["sqlite", "postgres"])
def url_fixture(request: pytest.FixtureRequest) -> str:
    stores = {"sqlite": "sqlite"}
    return stores.get(request.param) or str(request.getfixturevalue("postgres_url"))


@pytest.fixture(name="asking")
def asking_fixture(url: str, start_node: Nodes) -> Node:
    """A node in mode `tokens`, at its first start."""
    return start_node(AUTH__MODE="tokens", STORE__URL=url)


@pytest.fixture(name="admin")
def admin_fixture(asking: Node) -> str:
    """The first token."""
    return (asking.folder / "data" / "admin-token").read_text().strip()


async def test_each_abort_that_takes_effect_has_one_record_though_the_node_is_killed(
    asking: Node, admin: str, url: str
) -> None:
    """None without a record, and no record without one: also of those that were not answered."""
    data = {"file": str(asking.folder / "never")}
    async with AsyncClient(asking.url, token=admin, retry_s=0) as client:
        jobs = [NewJob(uid="ada", task="talk_until", data=data) for _ in range(JOBS)]
        ids = iter([job.id for job in await client.submit_all(jobs)])
        answered: list[str] = []

        async def abort() -> None:
            with suppress(ClientError):  # the node is gone
                for job_id in ids:
                    await client.abort("ada", job_id, wait_s=0)
                    answered.append(job_id)
                    if len(answered) == ANSWERED:
                        asking.kill()

        async with asyncio.TaskGroup() as group:
            for _ in range(TOGETHER):
                group.create_task(abort())
    recorded, aborted = await found(url, asking.folder / "data")
    assert ANSWERED <= len(aborted) < JOBS
    assert set(answered) <= aborted
    assert recorded == Counter(aborted)


async def found(url: str, data_dir: Path) -> tuple[Counter[str | None], set[str]]:
    """What the store has: the jobs that have records, and those whose abort is requested."""
    async with open_store(url, data_dir=data_dir) as store:
        which = AuditFilter(action=Action.ABORT)
        records = await store.audit.page(which, limit=2 * JOBS)
        jobs = await store.page("ada", limit=2 * JOBS, bytes_max=1 << 30)
        recorded = Counter(each.target for each in records for _ in range(each.count))
        return recorded, {job.id for job in jobs if job.abort is not None}


async def test_an_admin_reads_the_log_by_a_command(asking: Node, admin: str) -> None:
    """As a table, or as the API has it; nobody else does."""

    async def run(token: str, *arguments: str) -> str:
        ended = await command(
            asking, *arguments, environ={"ATLANSCHEDULER_TOKEN": token, "COLUMNS": "200"}
        )
        return ended.output + ended.errors

    made = ("token", "create", "web", "--role", "user", "--uid", "*")
    web = (await run(admin, *made)).strip()
    data = f'{{"file": "{asking.folder}/never"}}'
    name = (await run(web, "submit", "ada", "talk_until", data)).split()[0]
    await run(web, "abort", name, "--reason", "wrong input")
    table = await run(admin, "audit", "--since", "1h")
    (line,) = [each for each in table.splitlines() if "wrong input" in each]
    for text in ("web", "abort", name, "127.0.0.1", "reason wrong input"):
        assert text in line
    assert table.count("create_token") == 2
    assert web.rpartition("_")[2] not in table
    listed = await run(admin, "audit", "--action", "abort", "--uid", "ada", "--json")
    assert f'"target": "{name.partition("/")[2]}"' in listed.replace('":"', '": "')
    assert "this needs the role admin" in await run(web, "audit")
    assert "neither like 2h" in await run(admin, "audit", "--since", "yesterday")
    assert "wrong input" not in await run(admin, "audit", "--before", "1h")
