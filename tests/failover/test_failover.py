"""A primary that dies or is replaced: what was answered stays, and nothing runs twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failover import postgres


@pytest.mark.parametrize("what", postgres.FAULTS)
async def test_nothing_is_lost_when_a_standby_takes_over(
    what: str, tmp_path: Path, redis_program: str
) -> None:
    """With a standby that confirms each commit, and a URL that names both servers."""
    found = await postgres.measured(what, folder=tmp_path, redis_program=redis_program)
    assert list(found.wrong) == [], found.row()
