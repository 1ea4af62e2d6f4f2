"""The jobs that SQL writes for the benchmarks are the ones that the benchmarks expect."""

from __future__ import annotations

from pathlib import Path

from bench.ours.filled_store import fill, finished, queued, queued_id
from scheduler.core.job import Status
from scheduler.store import open_store
from tests.support.stores import ids_waiting


async def test_jobs_are_filled_in_as_they_were_asked_for(tmp_path: Path) -> None:
    """Otherwise an empty page would be timed in place of a full one, as once happened."""
    url = f"sqlite:///{tmp_path / 'filled.db'}"
    rows = [
        finished(30),
        queued(3, group=2, task="b", data="n"),
        queued(1, group=1, task="a", data="n"),
    ]
    await fill(url, data_dir=tmp_path, rows=rows)
    async with open_store(url, data_dir=tmp_path) as store:
        ended = await store.page("u1", limit=100, bytes_max=1_000_000)
        assert [job.status for job in ended] == [Status.SUCCESSFUL] * 10
        waiting = await ids_waiting(store)
        assert waiting == [
            queued_id(1, group=1),
            *(queued_id(n, group=2) for n in (1, 2, 3)),
        ]
        last = await store.get(waiting[-1])
        assert last is not None
        assert (last.uid, last.task, last.data) == ("bench", "b", "3")
